//! From text to typed values, telling every mistake and not only the first.
//!
//! A derived deserialiser stops at the first mistake, and YAML's libraries forget where a value stood. So a document is first
//! read into a [`tree`] with lines, within bounds that no anchor or nesting can break, and the tree is then read through a
//! [`reader`], which notes a [`Problem`] with its path and goes on.
//!
//! JSON is read by a JSON parser into the same tree: the two notations differ in nothing behind it.

mod json;
pub mod problem;
pub(crate) mod reader;
pub(crate) mod tree;
mod yaml;

pub use problem::{Problem, Severity};

use tree::Node;

/// Largest document that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Yaml,
    Json,
}

impl Format {
    /// JSON begins with a brace; YAML may, but then it is almost always JSON.
    pub fn guess(text: &str) -> Self {
        if text.trim_start().starts_with('{') { Self::Json } else { Self::Yaml }
    }
}

/// Reads a document into its tree. A text that is not a document has exactly one problem.
pub(crate) fn parse(text: &str, format: Format) -> Result<Node, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::error("", "the document is larger than 1 MiB"));
    }
    match format {
        Format::Yaml => yaml::parse(text),
        Format::Json => json::parse(text),
    }
}
