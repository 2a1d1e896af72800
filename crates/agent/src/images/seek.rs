//! Asking the control plane for images that this engine lacks.
//!
//! A question is a level: it stands until it is answered, and is put again in every session.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use tokio::sync::{Notify, oneshot};

use super::{ImageError, Images};

/// A runtime's image can be made here too; nobody waits longer than this for an answer about one.
const RUNTIME_LIMIT: Duration = Duration::from_secs(120);
/// An image that was built is nowhere else.
const APP_LIMIT: Duration = Duration::from_secs(300);

/// The questions that are not answered yet.
#[derive(Debug)]
pub(crate) struct Seeks {
    open: Mutex<HashMap<String, Question>>,
    /// There is something to send.
    due: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Question {
    /// It was put in this session.
    asked: bool,
    waiting: Vec<oneshot::Sender<Option<Digest>>>,
}

impl Seeks {
    pub(crate) fn new(due: Arc<Notify>) -> Self {
        Self { open: Mutex::default(), due }
    }

    /// What to ask now; each question is put once in a session.
    pub(crate) fn due(&self) -> Vec<String> {
        let mut open = self.open.lock();
        open.retain(|_, question| question.waiting.iter().any(|waiting| !waiting.is_closed()));
        let unasked = open.iter_mut().filter(|(_, question)| !question.asked);
        unasked
            .map(|(reference, question)| {
                question.asked = true;
                reference.clone()
            })
            .collect()
    }

    /// A session began: whatever is open is to be asked again.
    pub(crate) fn restart(&self) {
        for question in self.open.lock().values_mut() {
            question.asked = false;
        }
    }

    /// The answer: the stored image's digest, or that nobody has it.
    pub(crate) fn answer(&self, reference: &str, image: Option<Digest>) {
        let question = self.open.lock().remove(reference);
        for waiting in question.into_iter().flat_map(|question| question.waiting) {
            // Who asked may have stopped waiting.
            let _ = waiting.send(image);
        }
    }

    /// `None` when nobody has it, or nobody answers in time.
    async fn ask(&self, reference: &str, limit: Duration) -> Option<Digest> {
        let (waiting, answer) = oneshot::channel();
        self.open.lock().entry(reference.to_owned()).or_default().waiting.push(waiting);
        self.due.notify_one();
        tokio::time::timeout(limit, answer).await.ok()?.ok()?
    }
}

impl Images {
    /// Has the image of a release; fetched from another node when it is not here.
    ///
    /// `image` is the engine's id, `tag` the name that it gets here.
    pub(crate) async fn ensure(&self, image: &str, tag: &str) -> Result<(), ImageError> {
        if self.has(image).await? {
            return Ok(());
        }
        let found = self.seeks.ask(image, APP_LIMIT).await;
        let found = found.ok_or_else(|| ImageError::Nowhere(image.to_owned()))?;
        self.fetch(found, tag).await
    }

    /// Has the image of that name if another node has it, and says whether it has.
    pub(crate) async fn ensure_if_known(&self, reference: &str) -> Result<bool, ImageError> {
        if self.has(reference).await? {
            return Ok(true);
        }
        match self.seeks.ask(reference, RUNTIME_LIMIT).await {
            Some(found) => self.fetch(found, reference).await.map(|()| true),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_stands_until_it_is_answered_and_is_put_once_in_a_session() {
        let seeks = Arc::new(Seeks::new(Arc::default()));
        let asker = |reference: &'static str| {
            let seeks = Arc::clone(&seeks);
            tokio::spawn(async move { seeks.ask(reference, Duration::from_secs(60)).await })
        };
        let (one, same, other) = (asker("a"), asker("a"), asker("b"));
        tokio::task::yield_now().await;
        let mut due = seeks.due();
        due.sort();
        assert_eq!(due, ["a", "b"]);
        assert_eq!(seeks.due(), [""; 0]);
        seeks.answer("b", None);
        seeks.restart();
        assert_eq!(seeks.due(), ["a"]);
        let image = Digest::of(b"image");
        seeks.answer("a", Some(image));
        seeks.answer("a", None);
        assert_eq!((one.await.unwrap(), same.await.unwrap()), (Some(image), Some(image)));
        assert_eq!(other.await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_is_not_put_again() {
        let seeks = Seeks::new(Arc::default());
        assert_eq!(seeks.ask("a", Duration::ZERO).await, None);
        assert_eq!(seeks.due(), [""; 0]);
    }
}
