//! From a path to a file. All the names under which a file can be reached are worked out when the site is read, so a request
//! is one lookup:
//!
//! | path | file |
//! | --- | --- |
//! | `/a.html` | `a.html` |
//! | `/a` | `a`, else `a.html`, else a redirect to `/a/` if there is `a/index.html` |
//! | `/a/` | `a/index.html`, else a redirect to `/a` if there is `a.html` |

use std::collections::HashMap;
use std::sync::Arc;

use pierhead_model::release::SiteManifest;

use super::file::File;
use super::path;

/// Files that say how a site is shown, and are not shown.
const CONFIGURATION: [&str; 2] = ["_redirects", "_headers"];

#[derive(Debug)]
pub(super) enum Entry {
    File(Arc<File>),
    /// The page lies at this path, which is encoded already.
    MovedTo(String),
}

#[derive(Debug, Default)]
pub(super) struct Files {
    /// By path without its first slash.
    entries: HashMap<Box<str>, Entry>,
}

impl Files {
    pub(super) fn of(manifest: &SiteManifest) -> Self {
        let shown = manifest.files.iter().filter(|(path, _)| {
            !CONFIGURATION.contains(&path.as_str()) && !path::is_hidden(&format!("/{path}"))
        });
        let files: Vec<(&str, Arc<File>)> =
            shown.map(|(path, file)| (path.as_str(), Arc::new(File::new(path, file)))).collect();
        let mut entries = HashMap::new();
        let mut add = |path: &str, entry: Entry| {
            entries.entry(Box::from(path)).or_insert(entry);
        };
        // What is there by its own name comes first, then what is there by a shorter one, then what is elsewhere.
        for (path, file) in &files {
            add(path, Entry::File(Arc::clone(file)));
        }
        for (path, file) in &files {
            if let Some(folder) = folder_of_index(path) {
                add(folder, Entry::File(Arc::clone(file)));
            } else if let Some(page) = path.strip_suffix(".html") {
                add(page, Entry::File(Arc::clone(file)));
            }
        }
        for (path, _) in &files {
            if let Some(folder) = folder_of_index(path).and_then(|folder| folder.strip_suffix('/')) {
                add(folder, Entry::MovedTo(path::encode(&format!("/{folder}/"))));
            } else if let Some(page) = path.strip_suffix(".html")
                && folder_of_index(path).is_none()
            {
                add(&format!("{page}/"), Entry::MovedTo(path::encode(&format!("/{page}"))));
            }
        }
        Self { entries }
    }

    /// What is at a decoded path.
    pub(super) fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path.strip_prefix('/').unwrap_or(path))
    }

    pub(super) fn file(&self, path: &str) -> Option<&Arc<File>> {
        match self.get(path) {
            Some(Entry::File(file)) => Some(file),
            Some(Entry::MovedTo(_)) | None => None,
        }
    }

    /// The page for what is not there: the nearest `404.html` on the way up.
    pub(super) fn not_found(&self, path: &str) -> Option<&Arc<File>> {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if let Some(file) = self.file(&format!("{parent}/404.html")) {
                return Some(file);
            }
            folder = parent;
        }
        None
    }
}

/// `a/` for `a/index.html`, and nothing at all for `index.html`.
fn folder_of_index(path: &str) -> Option<&str> {
    path.strip_suffix("index.html").filter(|folder| folder.is_empty() || folder.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use pierhead_model::digest::Digest;
    use pierhead_model::release::SiteFile;

    use super::*;

    fn files(paths: &[&str]) -> Files {
        let files = paths
            .iter()
            .map(|path| {
                let digest = Digest::of(path.as_bytes());
                ((*path).to_owned(), SiteFile { digest, size: 1, variants: Default::default() })
            })
            .collect();
        Files::of(&SiteManifest { files, ..SiteManifest::default() })
    }

    fn show(files: &Files, path: &str) -> String {
        match files.get(path) {
            None => "-".to_owned(),
            Some(Entry::MovedTo(location)) => format!("→ {location}"),
            Some(Entry::File(file)) => file.digest().to_string(),
        }
    }

    #[test]
    fn names() {
        let files = files(&[
            "index.html",
            "about.html",
            "docs/index.html",
            "both.html",
            "both/index.html",
            "raw",
            "raw.html",
            "a b.html",
            "_redirects",
            "_headers",
            ".env",
            ".well-known/x",
            "xindex.html",
        ]);
        for (path, expected) in [
            ("/", "index.html"),
            ("/index.html", "index.html"),
            ("/about", "about.html"),
            ("/about.html", "about.html"),
            ("/docs/", "docs/index.html"),
            ("/both", "both.html"),
            ("/both/", "both/index.html"),
            ("/raw", "raw"),
            ("/.well-known/x", ".well-known/x"),
            ("/xindex", "xindex.html"),
        ] {
            assert_eq!(show(&files, path), Digest::of(expected.as_bytes()).to_string(), "{path}");
        }
        for (path, expected) in [
            ("/docs", "→ /docs/"),
            ("/about/", "→ /about"),
            ("/a b/", "→ /a%20b"),
            ("/_redirects", "-"),
            ("/_headers", "-"),
            ("/.env", "-"),
            ("//index.html", "-"),
            ("/About", "-"),
            ("/docs/index", "-"),
        ] {
            assert_eq!(show(&files, path), expected, "{path}");
        }
    }

    #[test]
    fn the_nearest_404_page() {
        let files = files(&["404.html", "docs/404.html"]);
        let of = |path: &str| files.not_found(path).map(|file| file.digest());
        assert_eq!(of("/x"), Some(Digest::of(b"404.html")));
        assert_eq!(of("/docs/a/b"), Some(Digest::of(b"docs/404.html")));
        assert_eq!(of("/other/a/"), Some(Digest::of(b"404.html")));
        assert!(Files::default().not_found("/x").is_none());
    }
}
