//! `_headers`: lines that start with `/` name paths, the lines below them are headers for those paths.
//!
//! Every rule that matches applies; a name that several give is joined with `, `. What HTTP itself decides about a message
//! (its length, its encoding, its connection) is not a site's to say.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::pattern::Pattern;

const MAX_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 1000;

const RESERVED: [HeaderName; 14] = [
    header::ACCEPT_RANGES,
    header::AGE,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::DATE,
    header::ETAG,
    header::HOST,
    header::LOCATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Debug, Clone, Default)]
pub(super) struct HeaderRules(Vec<(Pattern, Vec<(HeaderName, HeaderValue)>)>);

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) rules: HeaderRules,
    /// Line number, from 1, and what is wrong with it.
    pub(super) warnings: Vec<(usize, &'static str)>,
}

pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    // Headers below a path that is not understood belong to nothing, and have been warned about once.
    let mut below_bad_path = false;
    let (mut read, mut headers) = (0, 0);
    for (index, line) in text.lines().enumerate() {
        read += line.len() + 1;
        if read > MAX_BYTES || headers >= MAX_HEADERS {
            parsed
                .warnings
                .push((index + 1, "the rest is ignored: at most 64 KiB and 1,000 headers are read"));
            break;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('/') {
            match Pattern::parse(line) {
                Ok(pattern) => parsed.rules.0.push((pattern, Vec::new())),
                Err(warning) => parsed.warnings.push((index + 1, warning)),
            }
            below_bad_path = parsed.warnings.last().is_some_and(|(line, _)| *line == index + 1);
            continue;
        }
        if below_bad_path {
            continue;
        }
        match (parse_header(line), parsed.rules.0.last_mut()) {
            (Ok(header), Some((_, list))) => {
                list.push(header);
                headers += 1;
            }
            (Ok(_), None) => parsed.warnings.push((index + 1, "a header needs a path above it")),
            (Err(warning), _) => parsed.warnings.push((index + 1, warning)),
        }
    }
    parsed
}

fn parse_header(line: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = line.split_once(':').ok_or("`Name: value` was expected")?;
    let name =
        HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| "this is not the name of a header")?;
    if RESERVED.contains(&name) {
        return Err("this header is decided by the server");
    }
    let value = HeaderValue::from_str(value.trim()).map_err(|_| "the value holds control characters")?;
    Ok((name, value))
}

impl HeaderRules {
    /// Puts the headers of every rule that matches a decoded path into an answer, instead of our own of the same name.
    pub(super) fn apply(&self, path: &str, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let matching = self.0.iter().filter(|(pattern, _)| pattern.captures(path).is_some());
        let mut set: Vec<&HeaderName> = Vec::new();
        for (name, value) in matching.flat_map(|(_, list)| list) {
            if !set.contains(&name) {
                set.push(name);
                headers.insert(name, value.clone());
            } else if *name == header::SET_COOKIE {
                headers.append(name, value.clone());
            } else if let Some(known) = headers.get_mut(name)
                && let Ok(joined) =
                    HeaderValue::from_bytes(&[known.as_bytes(), b", ", value.as_bytes()].concat())
            {
                *known = joined;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn applied(file: &str, path: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("ours"));
        parse(file).rules.apply(path, &mut headers);
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn every_rule_that_matches_applies() {
        let file = "# all\n/*\n  X-Frame-Options: DENY\n  X-A: 1\n/blog/:slug\n\tX-A: 2\n\tCache-Control: no-cache\n";
        assert_eq!(applied(file, "/"), ["cache-control: ours", "x-a: 1", "x-frame-options: DENY"]);
        assert_eq!(
            applied(file, "/blog/x"),
            ["cache-control: no-cache", "x-a: 1, 2", "x-frame-options: DENY"]
        );
    }

    #[test]
    fn cookies_are_not_joined() {
        assert_eq!(
            applied("/\nSet-Cookie: a=1\nSet-Cookie: b=2", "/"),
            ["cache-control: ours", "set-cookie: a=1", "set-cookie: b=2"]
        );
    }

    #[test]
    fn warnings_name_the_line() {
        let lines = |file| parse(file).warnings.into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        assert_eq!(lines("X-A: 1\n/\nX-B: 2"), [1]);
        assert_eq!(lines("/\nno colon\nContent-Length: 5\nX A: 1\nX-B: ok"), [2, 3, 4]);
        assert_eq!(lines("/*/*\nX-A: 1\n/b\nX-A: 1"), [1]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[/a:*# \\n\\t-]{0,80}", path in "/[a/]{0,8}") {
            parse(&text).rules.apply(&path, &mut HeaderMap::new());
        }
    }
}
