//! Publishing a site: the files of its output folder become blobs and a manifest.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::digest::Digest;
use pierhead_model::plan::BuildPlan;
use pierhead_model::release::{Encoding, Release, SiteFile, SiteManifest, SiteRelease, SiteRouting, Variant};
use pierhead_model::source::Folder;
use pierhead_wire::BlobError;

use super::layers;
use super::tree::{self, Entry, TreeError};
use crate::reports::write_durably;
use crate::worker::{Task, internal};

const MAXIMUM_FILES: usize = 50_000;
const MAXIMUM_BYTES: u64 = 4 << 30;
/// Smaller files gain nothing from compression, larger ones are compressed by whoever made them.
const COMPRESS_BYTES: std::ops::Range<u64> = 512..16 << 20;
const TEXT_TYPES: [&str; 18] = [
    "html",
    "htm",
    "css",
    "js",
    "mjs",
    "cjs",
    "json",
    "map",
    "svg",
    "xml",
    "txt",
    "md",
    "wasm",
    "ico",
    "ttf",
    "otf",
    "webmanifest",
    "csv",
];

/// Publishes what the build left in the output folder, seen through `stack` as its container saw it.
pub(super) async fn site(task: &Task, plan: &BuildPlan, stack: &[PathBuf]) -> Result<Release, Failure> {
    let (stack, wanted) = (stack.to_vec(), plan.output_directory.clone());
    let collecting = tokio::task::spawn_blocking(move || collect(&stack, wanted.as_deref())).await;
    let output = collecting.map_err(|error| internal("reading a build's output", &error))??;
    if let Some(note) = &output.note {
        task.say("release", note.clone()).await;
    }
    let mut manifest =
        SiteManifest { files: BTreeMap::new(), routing: SiteRouting { single_page: plan.single_page } };
    let mut blobs: BTreeMap<Digest, PathBuf> = BTreeMap::new();
    for (path, file) in &output.files {
        blobs.insert(file.digest, file.path.clone());
        let variants = BTreeMap::new();
        manifest.files.insert(path.clone(), SiteFile { digest: file.digest, size: file.size, variants });
    }
    let failed = |error: BlobError| internal("storing a site", &error);
    let missing =
        task.node.blobs.missing(&blobs.keys().copied().collect::<Vec<_>>()).await.map_err(failed)?;
    layers::upload(task, &blobs).await.map_err(failed)?;
    compress(task, &mut manifest, &output.files).await?;
    let text = serde_json::to_vec(&manifest).map_err(|error| internal("storing a site", &error))?;
    let digest = Digest::of(&text);
    task.node.blobs.put(digest, Bytes::from(text)).await.map_err(failed)?;
    let files = manifest.files.len() as u64;
    let bytes = manifest.files.values().map(|file| file.size).sum();
    task.say("release", format!("{files} files, {} of them new, {} kB", missing.len(), bytes / 1000)).await;
    Ok(Release::Site(SiteRelease { manifest: digest, files, bytes }))
}

#[derive(Debug)]
struct Output {
    files: BTreeMap<String, OutputFile>,
    note: Option<String>,
}

#[derive(Debug)]
struct OutputFile {
    path: PathBuf,
    digest: Digest,
    size: u64,
}

fn collect(stack: &[PathBuf], wanted: Option<&str>) -> Result<Output, Failure> {
    let refused = |detail: String| Failure::new(Reason::OutputRefused, detail);
    let wanted = Folder::parse(wanted.unwrap_or(".")).map_err(|error| refused(error.to_string()))?;
    let mut found = select(stack, &wanted)?;
    let mut note = None;
    if found.is_empty() {
        let other = only_folder_with_index(stack)?;
        let made = other.as_ref().map_or_else(String::new, ToString::to_string);
        note =
            Some(format!("There is no `{wanted}`; publishing `{made}`, the one folder with an index.html"));
        found = match &other {
            Some(other) => select(stack, other)?,
            None => return Err(missing(stack, &wanted)),
        };
    }
    let mut files = BTreeMap::new();
    let mut total = 0;
    for (path, entry) in found {
        if !is_published(&path) {
            continue;
        }
        match entry {
            Entry::File { path: place, size, .. } => {
                total += size;
                let digest =
                    tree::digest_of(&place).map_err(|error| internal("reading a build's output", &error))?;
                files.insert(path, OutputFile { path: place, digest, size });
            }
            Entry::Directory { .. } | Entry::Whiteout => {}
            Entry::Symlink { target } => {
                return Err(refused(format!(
                    "`{path}` in the output folder is a link to `{target}`. A site may hold only files: copy what the \
                     link leads to."
                )));
            }
            Entry::Other => return Err(refused(format!("`{path}` in the output folder is not a file."))),
        }
    }
    if total > MAXIMUM_BYTES {
        return Err(refused(format!("The site is larger than {} GiB.", MAXIMUM_BYTES >> 30)));
    }
    Ok(Output { files, note })
}

/// What lies below a folder, with paths relative to it.
fn select(stack: &[PathBuf], folder: &Folder) -> Result<BTreeMap<String, Entry>, Failure> {
    let refused = |detail: String| Failure::new(Reason::OutputRefused, detail);
    let mut listed = Vec::new();
    for root in stack {
        let below = if folder.is_root() { root.clone() } else { root.join(folder.as_str()) };
        if !folder.is_root() && !tree::is_plain_folder(root, folder) {
            // A link in its place would be followed by the container, but not by us.
            if fs_err::symlink_metadata(&below).is_ok_and(|meta| meta.is_symlink()) {
                return Err(refused(format!("The output folder `{folder}` is a link. Make it a folder.")));
            }
            continue;
        }
        let entries = tree::list(&below, MAXIMUM_FILES).map_err(|error| match error {
            TreeError::Io(error) => internal("reading a build's output", &error),
            error => refused(format!("The output folder `{folder}` cannot be published: {error}.")),
        })?;
        listed.push(entries);
    }
    Ok(tree::merge(listed))
}

/// The one folder at the top that the build made and that has an `index.html`.
fn only_folder_with_index(stack: &[PathBuf]) -> Result<Option<Folder>, Failure> {
    let Some(upper) = stack.first() else { return Ok(None) };
    let mut found = Vec::new();
    for name in names(upper) {
        if upper.join(&name).join("index.html").is_file()
            && let Ok(folder) = Folder::parse(&name)
        {
            found.push(folder);
        }
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

fn missing(stack: &[PathBuf], wanted: &Folder) -> Failure {
    let made = stack.first().map(|upper| names(upper).join(", ")).unwrap_or_default();
    let made = if made.is_empty() { "nothing".to_owned() } else { made };
    let detail = format!(
        "The build did not make the output folder `{wanted}`. It made: {made}. Set output_directory."
    );
    Failure::new(Reason::BuildFailed { exit_code: None }, detail)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).take(50).collect();
    names.sort();
    names
}

/// Hidden files are never published, `.well-known` excepted; nor is what belongs to the repository rather than the site.
fn is_published(path: &str) -> bool {
    let mut parts = path.split('/');
    let first = parts.clone().next();
    first != Some("node_modules")
        && (first == Some(".well-known") || first.is_some_and(|part| !part.starts_with('.')))
        && parts.by_ref().skip(1).all(|part| !part.starts_with('.'))
}

/// Adds compressed variants where they are smaller. What was compressed once is remembered by its digest.
async fn compress(
    task: &Task,
    manifest: &mut SiteManifest,
    files: &BTreeMap<String, OutputFile>,
) -> Result<(), Failure> {
    for (path, file) in &mut manifest.files {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let is_text = extension.is_some_and(|extension| TEXT_TYPES.contains(&extension.as_str()));
        if !is_text || !COMPRESS_BYTES.contains(&file.size) {
            continue;
        }
        let note = task.node.options.data_dir.join("caches/variants").join(file.digest.to_hex());
        if let Some(known) = fs_err::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            file.variants = known;
            continue;
        }
        let Some(source) = files.get(path).map(|file| file.path.clone()) else { continue };
        let packing = tokio::task::spawn_blocking(move || variants(&source)).await;
        let made = packing
            .map_err(|error| internal("compressing a file", &error))?
            .map_err(|error| internal("compressing a file", &error))?;
        for (encoding, content) in made {
            let digest = Digest::of(&content);
            let size = content.len() as u64;
            let stored = task.node.blobs.put(digest, Bytes::from(content)).await;
            stored.map_err(|error| internal("storing a site", &error))?;
            file.variants.insert(encoding, Variant { digest, size });
        }
        let text =
            serde_json::to_vec(&file.variants).map_err(|error| internal("compressing a file", &error))?;
        let noted =
            note.parent().map_or(Ok(()), fs_err::create_dir_all).and_then(|()| write_durably(&note, &text));
        noted.map_err(|error| internal("compressing a file", &error))?;
    }
    Ok(())
}

fn variants(source: &Path) -> std::io::Result<Vec<(Encoding, Vec<u8>)>> {
    let content = fs_err::read(source)?;
    let mut br = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 6, ..Default::default() };
    brotli::BrotliCompress(&mut &*content, &mut br, &parameters)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(7));
    gzip.write_all(&content)?;
    let made = [(Encoding::Br, br), (Encoding::Gzip, gzip.finish()?)];
    Ok(made.into_iter().filter(|(_, packed)| packed.len() < content.len() / 10 * 9).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_are_not_published() {
        for path in ["index.html", "a/b.js", ".well-known/acme", "_redirects"] {
            assert!(is_published(path), "{path}");
        }
        for path in [".env", ".git/config", "a/.env", "a/.well-known/x", "node_modules/x/index.js"] {
            assert!(!is_published(path), "{path}");
        }
    }

    #[test]
    fn a_link_in_the_output_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dist")).unwrap();
        std::fs::write(folder.path().join("dist/index.html"), "x").unwrap();
        let stack = [folder.path().to_owned()];
        assert_eq!(collect(&stack, Some("dist")).unwrap().files.len(), 1);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("dist/passwd")).unwrap();
        let refused = collect(&stack, Some("dist")).unwrap_err();
        assert_eq!(refused.reason, Reason::OutputRefused);
        assert!(refused.detail.contains("`passwd`"), "{}", refused.detail);
        std::os::unix::fs::symlink("dist", folder.path().join("public")).unwrap();
        assert_eq!(collect(&stack, Some("public")).unwrap_err().reason, Reason::OutputRefused);
        assert_eq!(collect(&stack, Some("../x")).unwrap_err().reason, Reason::OutputRefused);
    }

    #[test]
    fn another_folder_with_an_index_is_taken_with_a_note_and_else_it_says_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let stack = [folder.path().to_owned()];
        let failure = collect(&stack, Some("dist")).unwrap_err();
        assert_eq!(failure.reason, Reason::BuildFailed { exit_code: None });
        std::fs::create_dir(folder.path().join("build")).unwrap();
        std::fs::write(folder.path().join("build/index.html"), "x").unwrap();
        let output = collect(&stack, Some("dist")).unwrap();
        assert!(output.note.unwrap().contains("`build`"));
        assert_eq!(output.files.len(), 1);
    }
}
