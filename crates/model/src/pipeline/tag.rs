//! Patterns of image tags: which of a registry's tags a person may choose from.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::document::problem::quoted;

/// The text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a tag pattern: letters, digits, `_.-`, `*` for anything, `?` for one character, `|` between alternatives"
)]
pub struct InvalidPattern(String);

/// A glob over tags: `*` any text, `?` one character, `|` alternatives: `release-*|main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPattern(String);

impl TagPattern {
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"_.-*?|".contains(&b);
        if text.len() > 256 || text.split('|').any(str::is_empty) || !text.bytes().all(known) {
            return Err(InvalidPattern(quoted(text)));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn matches(&self, tag: &str) -> bool {
        self.0.split('|').any(|glob| matches(glob.as_bytes(), tag.as_bytes()))
    }
}

/// Only the last `*` is ever taken back, so the time is at most length times length, whatever the pattern.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&c) if c == b'?' || c == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((star_at, star_from)) = star else { return false };
                star = Some((star_at, star_from + 1));
                at = star_at + 1;
                from = star_from + 1;
            }
        }
    }
    glob.iter().skip(at).all(|b| *b == b'*')
}

impl std::fmt::Display for TagPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TagPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TagPattern> for String {
    fn from(pattern: TagPattern) -> Self {
        pattern.0
    }
}

impl JsonSchema for TagPattern {
    fn schema_name() -> Cow<'static, str> {
        "TagPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.*?|-]+$", "maxLength": 256 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs() {
        for (pattern, tag, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("v*", "v1.2", true),
            ("v*", "1.2", false),
            ("v?.?", "v1.2", true),
            ("v?.?", "v1.22", false),
            ("release-*|main", "main", true),
            ("release-*|main", "main2", false),
            ("*-rc*", "v1-rc.2", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(TagPattern::parse(pattern).unwrap().matches(tag), expected, "{pattern} {tag}");
        }
        for bad in ["", "|", "a|", "a b", "[a]", "(a+)+", "a\n"] {
            TagPattern::parse(bad).unwrap_err();
        }
    }

    /// The definition, exponential and obviously right.
    fn by_definition(glob: &[u8], text: &[u8]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                by_definition(rest, text) || !text.is_empty() && by_definition(glob, &text[1..])
            }
            (Some((b'?', rest)), Some((_, text))) => by_definition(rest, text),
            (Some((c, rest)), Some((t, text))) => c == t && by_definition(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn as_defined(glob in "[ab*?]{1,7}", text in "[ab]{0,8}") {
            prop_assert_eq!(matches(glob.as_bytes(), text.as_bytes()), by_definition(glob.as_bytes(), text.as_bytes()));
        }
    }
}
