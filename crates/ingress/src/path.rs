//! The path of a request, as the name of a file of a site.

/// Decodes a path once and refuses what could mean something else to somebody: NUL, backslashes, encoded slashes, `..`.
/// The result has no leading slash; `is_folder` says whether the path ended with one.
pub(crate) fn normalise(path: &str) -> Option<Normal> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let decoded = digit(rest.next())? * 16 + digit(rest.next())?;
            let decoded = u8::try_from(decoded).ok()?;
            if matches!(decoded, b'/' | b'\\' | b'%' | 0) {
                return None;
            }
            decoded
        } else {
            byte
        };
        if matches!(byte, b'\\' | 0) {
            return None;
        }
        bytes.push(byte);
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    let hidden = parts
        .iter()
        .enumerate()
        .any(|(index, part)| part.starts_with('.') && !(index == 0 && *part == ".well-known"));
    if hidden {
        return None;
    }
    Some(Normal { name: parts.join("/"), is_folder: text.ends_with('/') || text.is_empty() })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Normal {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for (path, name, is_folder) in [
            ("/", "", true),
            ("/a/b.js", "a/b.js", false),
            ("/a//./b/", "a/b", true),
            ("/a%20b.txt", "a b.txt", false),
            ("/%C3%A9", "é", false),
            ("/.well-known/x", ".well-known/x", false),
        ] {
            assert_eq!(normalise(path), Some(Normal { name: name.into(), is_folder }), "{path}");
        }
        for bad in [
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/..%2fx",
            "/%252e%252e/",
            "/a%2fb",
            "/a\\b",
            "/%5c",
            "/%00",
            "/a%",
            "/a%zz",
            "/%ff",
            "/.git/config",
            "/%2egit/config",
            "/.env",
            "/a/.env",
            "//.git/config",
        ] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
    }
}
