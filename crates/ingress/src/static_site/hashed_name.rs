//! Whether a file's name holds a hash of its content, as bundlers write it: then it may be kept for ever.
//!
//! Wrongly saying yes shows visitors old content for a year, wrongly saying no costs them a question per file. So the name must
//! look like a hash *and* lie where a bundler puts such files.

/// Folders of bundlers whose every file is named by its content.
const ALL_HASHED: [&str; 3] = ["_next/static/", "_app/immutable/", "_nuxt/"];
/// Folders in which hashed and other files lie.
const SOME_HASHED: [&str; 8] =
    ["assets/", "_astro/", "static/js/", "static/css/", "static/media/", "build/assets/", "js/", "css/"];

pub(super) fn is_hashed(path: &str) -> bool {
    let below = |folder: &&str| {
        path.match_indices(*folder)
            .any(|(at, _)| path.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('/')))
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    (ALL_HASHED.iter().any(below) && name.contains('.'))
        || (SOME_HASHED.iter().any(below) && name_holds_hash(name))
}

fn name_holds_hash(name: &str) -> bool {
    let Some((stem, _extension)) = name.rsplit_once('.') else { return false };
    stem.split('.').any(|part| {
        let last_eight = part.len().checked_sub(8).and_then(|at| Some((part.get(..at)?, part.get(at..)?)));
        let after_separator = last_eight.is_some_and(|(before, token)| {
            (before.is_empty() || before.ends_with(['-', '_'])) && is_short_hash(token)
        });
        after_separator || part.split(['-', '_']).any(is_hexadecimal_hash)
    })
}

/// Eight characters of base 64 (Vite, Rollup, Astro) or base 32 (esbuild) that are not a word or a date.
fn is_short_hash(token: &str) -> bool {
    let bytes = token.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let later_capitals = bytes.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && letters > 0
        && (digits > 0 || later_capitals > 0)
}

/// Eight or more hexadecimal digits (webpack, Parcel), neither a number nor a word.
fn is_hexadecimal_hash(token: &str) -> bool {
    let bytes = token.as_bytes();
    (8..=64).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
        && bytes.iter().any(u8::is_ascii_digit)
        && bytes.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for path in [
            "assets/index-DiwrgTda.js",
            "assets/index-B7x_9-Zq.css",
            "assets/logo-1a2b3c4d.svg",
            "docs/assets/index-DiwrgTda.js",
            "_astro/page.Cx81kQ2b.css",
            "static/js/main.3f2a1b4c.chunk.js",
            "static/js/main.3f2a1b4c.js.map",
            "assets/chunk-K7SBM2PQ.js",
            "_next/static/chunks/pages/index.js",
            "_app/immutable/entry/start.x.js",
        ] {
            assert!(is_hashed(path), "{path}");
        }
        for path in [
            "index.html",
            "index-DiwrgTda.js",
            "assets/logo.svg",
            "assets/homepage-carousel.js",
            "assets/report-20240131.pdf",
            "assets/photo-download.jpg",
            "myassets/index-DiwrgTda.js",
            "assets/README",
            "_next/static",
        ] {
            assert!(!is_hashed(path), "{path}");
        }
    }
}
