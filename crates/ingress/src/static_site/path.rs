//! Making a request's path unambiguous: decoded once, and refused where two programs could disagree about it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What has to be encoded in the path of a `Location`.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'[')
    .add(b']')
    .add(b'|');
/// What has to be encoded in the value of a query parameter.
const IN_QUERY: &AsciiSet = &IN_PATH.add(b'&').add(b'+').add(b'=').add(b';').add(b'/');

/// The path says two things, or leads out of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadPath;

/// `/caf%C3%A9/` is `/café/`.
///
/// Refused: incomplete escapes, what is not UTF-8 (so overlong forms too), control characters, backslashes in any form,
/// escaped slashes, and the segments `.` and `..` in any form. What is escaped twice is decoded once, and is then an
/// ordinary name.
pub(super) fn normalise(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let decoded = if path.contains('%') { decode(path)? } else { Cow::Borrowed(path) };
    let forbidden = |c: char| c.is_control() || c == '\\';
    if !decoded.starts_with('/') || decoded.contains(forbidden) {
        return Err(BadPath);
    }
    if decoded.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(BadPath);
    }
    Ok(decoded)
}

fn decode(path: &str) -> Result<Cow<'_, str>, BadPath> {
    for (position, _) in path.match_indices('%') {
        let escape = path.get(position + 1..position + 3).ok_or(BadPath)?;
        if !escape.bytes().all(|byte| byte.is_ascii_hexdigit()) || escape.eq_ignore_ascii_case("2f") {
            return Err(BadPath);
        }
    }
    percent_decode_str(path).decode_utf8().map_err(|_| BadPath)
}

/// Whether a path names something that is never shown: a segment that starts with a dot, below `/.well-known/` excepted.
pub(super) fn is_hidden(path: &str) -> bool {
    let visible = path.strip_prefix("/.well-known").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    visible.unwrap_or(path).split('/').any(|segment| segment.starts_with('.'))
}

/// A decoded path, as it is written in a `Location`.
pub(super) fn encode(path: &str) -> String {
    utf8_percent_encode(path, IN_PATH).to_string()
}

/// A decoded value, as it is written in a query.
pub(super) fn encode_query_value(value: &str) -> String {
    utf8_percent_encode(value, IN_QUERY).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decodes_once() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b.html", "/a/b.html"),
            ("/caf%C3%A9", "/café"),
            ("/a%20b", "/a b"),
            ("/%252e%252e/x", "/%2e%2e/x"),
            ("/a/..;/b", "/a/..;/b"),
            ("/...", "/..."),
            ("//a", "//a"),
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(normal), "{path}");
        }
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        for path in [
            "",
            "a",
            "/../x",
            "/a/../b",
            "/a/..",
            "/./a",
            "/%2e%2e/x",
            "/.%2E/x",
            "/..%2fx",
            "/a%2Fb",
            "/%5c..%5c",
            "/\\..\\",
            "/%00",
            "/a%0d%0ab",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%c0%af",
            "/%ff",
            "/%7f",
        ] {
            assert_eq!(normalise(path), Err(BadPath), "{path}");
        }
    }

    #[test]
    fn dotfiles_are_hidden() {
        for path in [
            "/.git/config",
            "/.env",
            "/a/.htpasswd",
            "//.git/config",
            "/.well-known/.secret",
            "/.well-knownx",
        ] {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["/", "/a.b", "/.well-known/acme-challenge/x", "/.well-known", "/a/b./c"] {
            assert!(!is_hidden(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(path in "/[^\\\\\\p{Cc}]{0,40}") {
            prop_assume!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
            let encoded = encode(&path);
            prop_assert_eq!(normalise(&encoded).unwrap(), path);
        }

        #[test]
        fn never_panics_and_never_leads_out(path in "\\PC{0,60}") {
            if let Ok(normal) = normalise(&path) {
                prop_assert!(!normal.split('/').any(|segment| segment == ".."));
            }
        }
    }
}
