//! `Content-Type` by file name. Always with `nosniff`, so a wrong guess shows as a wrong guess and nothing else.

use http::HeaderValue;

const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) fn of(path: &str) -> HeaderValue {
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = match name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        // By far the most frequent, without an allocation each.
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("js" | "mjs" | "cjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml; charset=utf-8",
        Some("xml") => "application/xml; charset=utf-8",
        Some("md") => "text/markdown; charset=utf-8",
        Some("ts" | "tsx" | "jsx") => "text/plain; charset=utf-8",
        Some(_) => return guess(path),
        None if name == "apple-app-site-association" => "application/json",
        None if path.starts_with(".well-known/acme-challenge/") => "text/plain; charset=utf-8",
        None => return BINARY,
    };
    HeaderValue::from_static(known)
}

fn guess(path: &str) -> HeaderValue {
    let Some(mime) = mime_guess::from_path(path).first() else { return BINARY };
    if mime.type_() == mime_guess::mime::TEXT {
        return HeaderValue::from_str(&format!("{mime}; charset=utf-8")).unwrap_or(BINARY);
    }
    HeaderValue::from_str(mime.as_ref()).unwrap_or(BINARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (path, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("A.HTML", "text/html; charset=utf-8"),
            ("a/b.mjs", "text/javascript; charset=utf-8"),
            ("a.png", "image/png"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("robots.txt", "text/plain; charset=utf-8"),
            ("feed.xml", "application/xml; charset=utf-8"),
            ("a.pdf", "application/pdf"),
            ("a.unknownthing", "application/octet-stream"),
            ("LICENSE", "application/octet-stream"),
            (".well-known/apple-app-site-association", "application/json"),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }
}
