//! Files that survive a crash: written beside, synced, renamed, and the folder synced.
//!
//! A reader sees the old content or the new one, never half of either. Work on files is done on the blocking pool, because
//! a sync may take long.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest file of the agent's own that is read back.
const MAX_BYTES: u64 = 32 << 20;

/// Replaces a file's content.
pub(crate) fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(content)?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Makes what was created, renamed or removed in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

/// Replaces a file by the JSON of a value.
pub(crate) async fn write_json<T: Serialize>(path: PathBuf, value: &T) -> std::io::Result<()> {
    let content = serde_json::to_vec(value)?;
    blocking(move || write(&path, &content)).await
}

/// Reads a JSON file back. What cannot be understood is set aside as `<name>.broken`, so that one bad file stops nothing.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> std::io::Result<Option<T>> {
    let content = match fs_err::metadata(path) {
        Ok(metadata) if metadata.len() <= MAX_BYTES => fs_err::read(path)?,
        Ok(_) => Vec::new(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match serde_json::from_slice(&content) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a file of the agent is damaged; it is set aside");
            fs_err::rename(path, path.with_extension("broken"))?;
            Ok(None)
        }
    }
}

/// All values of a folder of JSON files.
pub(crate) fn read_folder<T: DeserializeOwned>(folder: &Path) -> std::io::Result<Vec<T>> {
    let mut values = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json")
            && let Some(value) = read_json(&path)?
        {
            values.push(value);
        }
    }
    Ok(values)
}

/// Removes a file that may be gone already.
pub(crate) async fn remove(path: PathBuf) -> std::io::Result<()> {
    blocking(move || match fs_err::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => path.parent().map_or(Ok(()), sync_folder),
    })
    .await
}

/// Removes a folder and what is in it; it may be gone already.
pub(crate) async fn remove_folder(path: PathBuf) -> std::io::Result<()> {
    blocking(move || match fs_err::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    })
    .await
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(std::io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_damaged_file_is_set_aside_and_the_others_are_read() {
        let folder = tempfile::tempdir().unwrap();
        write_json(folder.path().join("a.json"), &1_u32).await.unwrap();
        fs_err::write(folder.path().join("b.json"), "{").unwrap();
        assert_eq!(read_folder::<u32>(folder.path()).unwrap(), [1]);
        assert!(folder.path().join("b.broken").exists());
        assert_eq!(read_json::<u32>(&folder.path().join("c.json")).unwrap(), None);
        remove(folder.path().join("a.json")).await.unwrap();
        remove(folder.path().join("a.json")).await.unwrap();
        assert_eq!(read_folder::<u32>(folder.path()).unwrap(), Vec::<u32>::new());
    }
}
