//! Logs of simulated containers, read through the same cursor as real ones.

use std::sync::Arc;

use futures::stream;

use super::Inner;
use crate::{
    error::{Error, Result},
    log::{Follow, LogChunk, LogCursor, LogStream, Resume},
    state::ContainerId,
};

struct Reader {
    inner: Arc<Inner>,
    id: ContainerId,
    follow: Follow,
    resume: Resume,
    /// The index of the next entry to look at.
    next: usize,
}

pub(super) fn open(
    inner: &Arc<Inner>,
    id: &ContainerId,
    from: LogCursor,
    follow: Follow,
) -> Result<LogStream> {
    inner.world.lock().container(id)?;
    let inner = Arc::clone(inner);
    let reader = Reader { inner, id: id.clone(), follow, resume: Resume::new(from), next: 0 };
    Ok(Box::pin(stream::unfold(reader, |mut reader| async move {
        let chunk = reader.read().await?;
        Some((Ok(chunk), reader))
    })))
}

impl Reader {
    async fn read(&mut self) -> Option<LogChunk> {
        loop {
            let (next, follow) = (self.next, self.follow);
            let entry = self.inner.until(|world| {
                let container = world.container(&self.id)?;
                let entry = container.log.get(next).cloned();
                let ended = follow == Follow::No || container.state.exit().is_some();
                Ok((entry.is_some() || ended).then_some(entry))
            });
            // A removed container ends its followers, as an engine does.
            let (output, at, bytes) = entry.await.unwrap_or_else(|_gone: Error| None)?;
            self.next += 1;
            if let Some(cursor) = self.resume.accept(output, at) {
                return Some(LogChunk { output, at, bytes, cursor });
            }
        }
    }
}
