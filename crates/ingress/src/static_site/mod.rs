//! Sites: files by path, with everything HTTP knows about files.
//!
//! A site is read from its manifest once and then never changes, so everything that can be known about a file is worked out
//! then: its headers, its place, the rules of `_redirects` and `_headers`. One request is answered from one site from
//! beginning to end; a visitor never gets a mixture of two.
//!
//! | step | file |
//! | --- | --- |
//! | the path is made unambiguous | `path` |
//! | forced rules, files, other rules, fallbacks | `site` |
//! | a name becomes a file: clean URLs, folders, 404 pages | `files` |
//! | which variant, whether it changed, which bytes | `encoding`, `conditional`, `range`, `file` |
//! | how long it may be kept | `hashed_name` |
//! | from memory, from disk, from the store | `contents` |

mod conditional;
mod contents;
mod encoding;
mod file;
mod files;
mod hashed_name;
mod header_rules;
mod language;
mod media_type;
mod path;
mod pattern;
mod range;
mod redirect_parser;
mod redirects;
mod site;

pub(crate) use contents::{Contents, Shelf};
pub(crate) use site::Site;
