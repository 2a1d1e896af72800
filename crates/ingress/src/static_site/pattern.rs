//! The paths of `_redirects` and `_headers`: literal text, `:placeholders` for one segment, one `*` for anything.
//!
//! A trailing slash makes no difference, and `/blog/*` also matches `/blog`. Paths are compared decoded, so a rule may be
//! written either way.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The name under which `*` is known in the target of a rule.
pub(super) const SPLAT: &str = "splat";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Placeholder(String),
    Splat,
}

/// What placeholders stood for, decoded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Captures<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Captures<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    pub(super) fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        self.0.push((name, value));
    }
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') {
            return Err("the path must start with `/`");
        }
        if text.matches('*').count() > 1 {
            return Err("a path may have one `*`");
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        for (index, segment) in trim_slash(text).split('/').enumerate() {
            if index > 0 {
                literal.push('/');
            }
            if let Some(name) = segment.strip_prefix(':').filter(|name| is_name(name)) {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
                parts.push(Part::Placeholder(name.to_owned()));
            } else if let Some((before, after)) = segment.split_once('*') {
                literal.push_str(&decode(before)?);
                parts.push(Part::Literal(std::mem::take(&mut literal)));
                parts.push(Part::Splat);
                literal.push_str(&decode(after)?);
            } else {
                literal.push_str(&decode(segment)?);
            }
        }
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// What the placeholders stand for, if a decoded path matches.
    pub(super) fn captures<'a>(&'a self, path: &'a str) -> Option<Captures<'a>> {
        let mut captures = Captures::default();
        let whole = match_parts(&self.0, path, &mut captures);
        if whole {
            return Some(captures);
        }
        // The trailing slash that makes no difference, and `/blog/*` for `/blog`.
        let other = if path.ends_with('/') {
            Cow::Borrowed(trim_slash(path))
        } else {
            Cow::Owned(format!("{path}/"))
        };
        let mut found = Captures::default();
        match_parts_owned(&self.0, &other, &mut found).then_some(found)
    }
}

fn match_parts<'a>(parts: &'a [Part], path: &'a str, captures: &mut Captures<'a>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return path.is_empty() };
    match part {
        Part::Literal(text) => {
            path.strip_prefix(text.as_str()).is_some_and(|path| match_parts(rest, path, captures))
        }
        Part::Placeholder(name) => {
            let end = path.find('/').unwrap_or(path.len());
            let (value, path) = path.split_at(end);
            if value.is_empty() {
                return false;
            }
            captures.add(Cow::Borrowed(name), Cow::Borrowed(value));
            match_parts(rest, path, captures)
        }
        Part::Splat => {
            let known = captures.0.len();
            let mut ends = path.char_indices().map(|(at, _)| at).chain([path.len()]).rev();
            ends.any(|end| {
                let (value, path) = path.split_at(end);
                captures.0.truncate(known);
                captures.add(Cow::Borrowed(SPLAT), Cow::Borrowed(value));
                match_parts(rest, path, captures)
            })
        }
    }
}

/// The same for a path that does not live as long as the captures.
fn match_parts_owned<'a>(parts: &'a [Part], path: &str, captures: &mut Captures<'a>) -> bool {
    let mut found = Captures::default();
    let matched = match_parts(parts, path, &mut found);
    for (name, value) in found.0 {
        captures.add(Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()));
    }
    matched
}

/// `/a/` is `/a`, and `/` stays.
fn trim_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path)
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    percent_decode_str(text).decode_utf8().map_err(|_| "the path is not UTF-8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn captured(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        let pattern = Pattern::parse(pattern).unwrap();
        let captures = pattern.captures(path)?;
        Some(captures.0.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn matches() {
        for (pattern, path, expected) in [
            ("/", "/", vec![]),
            ("/about", "/about", vec![]),
            ("/about", "/about/", vec![]),
            ("/about/", "/about", vec![]),
            ("/a%20b", "/a b", vec![]),
            ("/*", "/", vec![("splat", "")]),
            ("/*", "/a/b", vec![("splat", "a/b")]),
            ("/blog/*", "/blog", vec![("splat", "")]),
            ("/blog/*", "/blog/a/b", vec![("splat", "a/b")]),
            ("/:year/:slug", "/2024/x", vec![("year", "2024"), ("slug", "x")]),
            ("/:year/:slug", "/2024/x/", vec![("year", "2024"), ("slug", "x")]),
            ("/u/:id/*", "/u/7/a/b", vec![("id", "7"), ("splat", "a/b")]),
            ("/*.js", "/a/b.js", vec![("splat", "a/b")]),
            ("/a/*/c", "/a/b/b/c", vec![("splat", "b/b")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            assert_eq!(captured(pattern, path), Some(expected), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/about", "/about/x"),
            ("/about", "/About"),
            ("/:a", "/"),
            ("/:a", "/a/b"),
            ("/blog/*", "/blogs"),
            ("/*.js", "/a.css"),
        ] {
            assert_eq!(captured(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn refuses() {
        for text in ["", "about", "/*/*", "/%ff"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "/[a:*/%]{0,12}", path in "/[a/é]{0,12}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                let _ = pattern.captures(&path);
            }
        }
    }
}
