//! What reviews would otherwise have to look for, every time.

mod directions;
mod files;
mod variables;

use std::path::Path;

use anyhow::Result;

/// Everything that is out of order, as sentences.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let mut problems = directions::problems(root)?;
    problems.extend(files::problems(root)?);
    problems.extend(variables::problems(root)?);
    Ok(problems)
}

/// All Rust files below a folder.
fn rust_files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
