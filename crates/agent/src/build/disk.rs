//! How much a build has written.
//!
//! Counting files is slow and asking for the free space is not, so files are counted when the free space fell by something
//! that matters, and once in a while.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pierhead_model::deployment::{Failure, Reason};
use tokio::time::Instant;

use super::container::BuildContainer;
use crate::usage::disk_free;
use crate::worker::Task;

/// A fall of the free space that is worth a count.
const NOTABLE_BYTES: u64 = 128 << 20;
const COUNT_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Watch {
    folders: Vec<PathBuf>,
    data_dir: PathBuf,
    limit: u64,
    free_at_count: u64,
    counted_at: Instant,
}

impl Watch {
    pub(super) fn new(task: &Task, container: &BuildContainer<'_>, limit: u64) -> Self {
        let place = &container.place.folder;
        let data_dir = task.node.options.data_dir.clone();
        Self {
            folders: vec![container.upper.to_owned(), place.join("home"), place.join("tmp")],
            free_at_count: disk_free(&data_dir),
            data_dir,
            limit,
            counted_at: Instant::now(),
        }
    }

    /// Fails when the build has written more than it may.
    pub(super) async fn look(&mut self) -> Result<(), Failure> {
        let free = disk_free(&self.data_dir);
        let notable = self.free_at_count.saturating_sub(free) > NOTABLE_BYTES.min(self.limit / 4);
        if !notable && self.counted_at.elapsed() < COUNT_AT_LEAST_EVERY {
            return Ok(());
        }
        (self.free_at_count, self.counted_at) = (free, Instant::now());
        let folders = self.folders.clone();
        let counting =
            tokio::task::spawn_blocking(move || folders.iter().map(|folder| size(folder)).sum::<u64>());
        let written = counting.await.unwrap_or(0);
        if written <= self.limit {
            return Ok(());
        }
        let limit_mb = u32::try_from(self.limit >> 20).unwrap_or(u32::MAX);
        let detail = format!(
            "The build wrote more than the {limit_mb} MiB it may (limits.build_disk_mb) and was ended: {} MiB.",
            written >> 20
        );
        Err(Failure::new(Reason::DiskLimit { limit_mb }, detail))
    }
}

/// What a folder takes on disk. Files that vanish while counting do not count.
fn size(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.blocks() * 512).sum()
}
