//! Compressed variants of a site's text files, made once for each content.
//!
//! Which variants a content has is remembered on the node, so a deployment in which one file changed compresses one file.
//! The memory is a hint: what the blob store does not hold (any more) is made again.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use pierhead_model::digest::Digest;
use pierhead_model::release::{Encoding, Variant};
use pierhead_wire::BlobError;

use super::Run;
use crate::durable;

/// Smaller files fit in a packet anyway.
const SMALLEST: u64 = 512;
/// Larger ones are streamed as they are.
const LARGEST: u64 = 16 << 20;
/// Files that are compressed at the same time.
const PARALLEL: usize = 4;
/// Nine of eleven: within a few percent of the smallest, at a tenth of the time.
const BROTLI_QUALITY: u32 = 9;

/// What compresses well, by the end of the name.
const TEXT: &[&str] = &[
    "css",
    "csv",
    "eot",
    "geojson",
    "htm",
    "html",
    "ics",
    "js",
    "json",
    "jsonld",
    "map",
    "md",
    "mjs",
    "otf",
    "rss",
    "svg",
    "ttf",
    "txt",
    "vtt",
    "wasm",
    "webmanifest",
    "xhtml",
    "xml",
];

type Variants = BTreeMap<Encoding, Variant>;

/// The variants of each content that has some.
pub(super) async fn of(
    run: &Run,
    files: &BTreeMap<String, (Digest, u64)>,
    paths: &HashMap<Digest, PathBuf>,
) -> Result<HashMap<Digest, Variants>, BlobError> {
    let mut known = HashMap::new();
    let mut unknown = Vec::new();
    for (name, (digest, size)) in files {
        if !is_text(name) || !(SMALLEST..=LARGEST).contains(size) || known.contains_key(digest) {
            continue;
        }
        match remembered(&note(run, *digest)) {
            Some(variants) => {
                known.insert(*digest, variants);
            }
            None => unknown.push(*digest),
        }
    }
    let stored: Vec<_> =
        known.values().flat_map(|variants| variants.values().map(|variant| variant.digest)).collect();
    let gone = run.node.blobs.missing(&stored).await?;
    known.retain(|digest, variants| {
        let complete = !variants.values().any(|variant| gone.contains(&variant.digest));
        if !complete {
            unknown.push(*digest);
        }
        complete
    });
    unknown.sort_unstable();
    unknown.dedup();
    let pairs = unknown.iter().filter_map(|digest| Some((*digest, paths.get(digest)?.clone())));
    let making: Vec<_> = pairs.map(|(digest, path)| make(run, digest, path)).collect();
    let made: Vec<_> = futures::stream::iter(making).buffer_unordered(PARALLEL).try_collect().await?;
    known.extend(made);
    known.retain(|_, variants| !variants.is_empty());
    Ok(known)
}

async fn make(run: &Run, digest: Digest, path: PathBuf) -> Result<(Digest, Variants), BlobError> {
    let failed = |error: std::io::Error| BlobError::Unavailable { reason: error.to_string() };
    let compressed = durable::blocking(move || compress(&path)).await.map_err(failed)?;
    let mut variants = Variants::new();
    for (encoding, content) in compressed {
        let variant = Variant { digest: Digest::of(&content), size: content.len() as u64 };
        run.node.blobs.put(variant.digest, Bytes::from(content)).await?;
        variants.insert(encoding, variant);
    }
    let note = note(run, digest);
    if let Some(folder) = note.parent()
        && let Ok(content) = serde_json::to_vec(&variants)
        && let Err(error) = fs_err::create_dir_all(folder).and_then(|()| fs_err::write(&note, content))
    {
        tracing::warn!(%error, "which variants a file has cannot be remembered; they are made again next time");
    }
    Ok((digest, variants))
}

/// Those compressed forms that are worth it.
fn compress(path: &Path) -> std::io::Result<Vec<(Encoding, Vec<u8>)>> {
    let content = fs_err::read(path)?;
    let mut brotli = Vec::new();
    let settings = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY as i32,
        size_hint: content.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut content.as_slice(), &mut brotli, &settings)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&content)?;
    let both = [(Encoding::Br, brotli), (Encoding::Gzip, gzip.finish()?)];
    // A few bytes less are not worth a blob.
    let worth =
        |(_, compressed): &(Encoding, Vec<u8>)| compressed.len() + compressed.len() / 16 < content.len();
    Ok(both.into_iter().filter(worth).collect())
}

fn is_text(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| TEXT.contains(&extension.as_str()))
}

fn note(run: &Run, digest: Digest) -> PathBuf {
    let name = digest.to_hex();
    run.node.layout.variants().join(&name[..2]).join(format!("{name}.json"))
}

fn remembered(note: &Path) -> Option<Variants> {
    serde_json::from_slice(&fs_err::read(note).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn text_gets_smaller_and_noise_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs_err::write(&text, "all work and no play ".repeat(100)).unwrap();
        let compressed = compress(&text).unwrap();
        assert_eq!(
            compressed.iter().map(|(encoding, _)| *encoding).collect::<Vec<_>>(),
            [Encoding::Br, Encoding::Gzip]
        );
        let mut back = String::new();
        flate2::read::GzDecoder::new(compressed[1].1.as_slice()).read_to_string(&mut back).unwrap();
        assert_eq!(back, "all work and no play ".repeat(100));

        let noise = folder.path().join("noise");
        let mut state = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(4096)
        .collect();
        fs_err::write(&noise, bytes).unwrap();
        assert!(compress(&noise).unwrap().is_empty());
    }

    #[test]
    fn names_decide() {
        assert!(is_text("assets/app.JS") && is_text("index.html"));
        assert!(!is_text("photo.jpg") && !is_text("README"));
    }
}
