//! Sites, as browsers, caches and download managers use them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use pierhead_model::digest::Digest;
use pierhead_model::release::{Encoding, SiteFile, SiteManifest, SiteRouting};
use pierhead_wire::route::Target;

use crate::support::{TestIngress, route};

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "public, max-age=0, must-revalidate";

#[tokio::test]
async fn paths_and_what_is_there() {
    let mut ingress = TestIngress::start().await;
    let site = ingress.site(
        "s.test",
        "1aaaaaaaaa",
        &[
            ("index.html", "home"),
            ("about.html", "about"),
            ("docs/index.html", "docs"),
            ("docs/404.html", "docs 404"),
            ("404.html", "404"),
            ("caf\u{e9} 1.txt", "coffee"),
            ("assets/app-DiwrgTda.js", "js"),
            ("unknown", "bytes"),
        ],
    );
    ingress.table(vec![site]).await;
    let html = Some("text/html; charset=utf-8");
    for (path, status, body, content_type, cache) in [
        ("/", 200, "home", html, REVALIDATE),
        ("/index.html", 200, "home", html, REVALIDATE),
        ("/?x=1", 200, "home", html, REVALIDATE),
        ("/about", 200, "about", html, REVALIDATE),
        ("/docs/", 200, "docs", html, REVALIDATE),
        ("/docs", 308, "", None, REVALIDATE),
        ("/docs/nothing", 404, "docs 404", html, REVALIDATE),
        ("/nothing", 404, "404", html, REVALIDATE),
        ("/caf%C3%A9%201.txt", 200, "coffee", Some("text/plain; charset=utf-8"), REVALIDATE),
        ("/assets/app-DiwrgTda.js", 200, "js", Some("text/javascript; charset=utf-8"), FOR_EVER),
        ("/unknown", 200, "bytes", Some("application/octet-stream"), REVALIDATE),
    ] {
        let answer = ingress.get("s.test", path).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        if status != 308 {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        }
        let mut visitor = ingress.visitor().await;
        let head = visitor.ask("HEAD", "s.test", path, &[]).await.unwrap();
        // hyper leaves `Content-Length: 0` away when nobody reads a body.
        let lasting = |headers: &[(String, String)]| -> Vec<_> {
            let kept = headers
                .iter()
                .filter(|(name, value)| name != "date" && (name != "content-length" || value != "0"));
            kept.cloned().collect()
        };
        assert_eq!(head.status, status, "{path}");
        assert_eq!(lasting(&head.headers), lasting(&answer.headers), "{path}");
        assert_eq!(visitor.get("s.test", "/", &[]).await.text(), "home", "after HEAD {path}");
    }
    assert_eq!(ingress.get("s.test", "/docs?a=b").await.header("location"), Some("/docs/?a=b"));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer =
            ingress.visitor().await.ask(method, "s.test", "/", &[("Content-Length", "0")]).await.unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[tokio::test]
async fn a_single_page_answers_for_every_path_but_not_for_missing_scripts() {
    let mut ingress = TestIngress::start().await;
    let files = [("index.html", "app"), ("real.txt", "real"), ("assets/a-DiwrgTda.js", "js")];
    let site = ingress.site_with("s.test", "1aaaaaaaaa", &files, SiteRouting { single_page: true });
    ingress.table(vec![site]).await;
    for (path, status, body) in [
        ("/", 200, "app"),
        ("/deep/link", 200, "app"),
        ("/user/a.b", 200, "app"),
        ("/real.txt", 200, "real"),
        ("/assets/a-DiwrgTda.js", 200, "js"),
    ] {
        let answer = ingress.get("s.test", path).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
    }
    for path in ["/assets/a-OldHash1.js", "/.env", "/.git/config"] {
        assert_eq!(ingress.get("s.test", path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn conditions_and_ranges() {
    let mut ingress = TestIngress::start().await;
    let site = ingress.site("s.test", "1aaaaaaaaa", &[("a.txt", "0123456789"), ("404.html", "none")]);
    ingress.table(vec![site]).await;
    let etag = format!("\"{}\"", Digest::of(b"0123456789"));
    let plain = ingress.get("s.test", "/a.txt").await;
    assert_eq!((plain.header("etag"), plain.header("accept-ranges")), (Some(etag.as_str()), Some("bytes")));
    let weak = format!("W/{etag}");
    for (headers, status, body, content_range) in [
        (vec![("If-None-Match", etag.as_str())], 304, "", None),
        (vec![("If-None-Match", weak.as_str())], 304, "", None),
        (vec![("If-None-Match", "*")], 304, "", None),
        (vec![("If-None-Match", "\"x\"")], 200, "0123456789", None),
        (vec![("Range", "bytes=2-4")], 206, "234", Some("bytes 2-4/10")),
        (vec![("Range", "bytes=7-")], 206, "789", Some("bytes 7-9/10")),
        (vec![("Range", "bytes=-2")], 206, "89", Some("bytes 8-9/10")),
        (vec![("Range", "bytes=0-99")], 206, "0123456789", Some("bytes 0-9/10")),
        (vec![("Range", "bytes=10-")], 416, "", Some("bytes */10")),
        (vec![("Range", "bytes=0-1,4-5")], 200, "0123456789", None),
        (vec![("Range", "bytes=x")], 200, "0123456789", None),
        (vec![("Range", "bytes=0-1"), ("If-Range", etag.as_str())], 206, "01", Some("bytes 0-1/10")),
        (vec![("Range", "bytes=0-1"), ("If-Range", "\"x\"")], 200, "0123456789", None),
        (vec![("Range", "bytes=0-1"), ("If-None-Match", etag.as_str())], 304, "", None),
    ] {
        let answer = ingress.get_with("s.test", "/a.txt", &headers).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{headers:?}");
        assert_eq!(answer.header("content-range"), content_range, "{headers:?}");
    }
    let missing =
        ingress.get_with("s.test", "/nothing", &[("Range", "bytes=0-1"), ("If-None-Match", "*")]).await;
    assert_eq!((missing.status, missing.text().as_str()), (404, "none"));
}

#[tokio::test]
async fn precompressed_variants() {
    let mut ingress = TestIngress::start().await;
    let all = [Encoding::Br, Encoding::Zstd, Encoding::Gzip];
    let files = [
        ("a.js".to_owned(), ingress.file_with_variants("plain", &all)),
        ("b.js".to_owned(), ingress.file_with_variants("plain", &[Encoding::Gzip])),
        ("c.png".to_owned(), ingress.file_with_variants("plain", &[])),
    ];
    let manifest = SiteManifest { files: files.into(), routing: SiteRouting::default() };
    let site = ingress.manifest("s.test", "1aaaaaaaaa", &manifest);
    ingress.table(vec![site]).await;
    for (path, accept, encoding) in [
        ("/a.js", "gzip, deflate, br, zstd", Some("br")),
        ("/a.js", "gzip, zstd", Some("zstd")),
        ("/a.js", "gzip;q=0.9, br;q=0.1", Some("gzip")),
        ("/a.js", "identity", None),
        ("/a.js", "", None),
        ("/b.js", "br, gzip", Some("gzip")),
        ("/b.js", "br", None),
        ("/c.png", "br, gzip", None),
    ] {
        let answer = ingress.get_with("s.test", path, &[("Accept-Encoding", accept)]).await;
        assert_eq!(answer.header("content-encoding"), encoding, "{path} {accept}");
        assert_eq!(answer.text(), encoding.unwrap_or("plain"), "{path} {accept}");
        assert_eq!(answer.header("vary"), (path != "/c.png").then_some("accept-encoding"), "{path}");
        let etag = format!("\"{}\"", Digest::of(answer.text().as_bytes()));
        assert_eq!(answer.header("etag"), Some(etag.as_str()), "{path} {accept}");
        let headers = [("Accept-Encoding", accept), ("If-None-Match", etag.as_str())];
        assert_eq!(ingress.get_with("s.test", path, &headers).await.status, 304, "{path} {accept}");
    }
}

#[tokio::test]
async fn large_files_come_piece_by_piece_from_the_store_or_from_disk() {
    let content: Vec<u8> = (0..400_000_u32).map(|number| (number % 251) as u8).collect();
    let folder = tempfile::tempdir().unwrap();
    for on_disk in [false, true] {
        let mut ingress = TestIngress::start_with(|options| options.limits.file_cache_bytes = 1 << 20).await;
        let digest = ingress.blobs.add(content.clone());
        let file = SiteFile { digest, size: content.len() as u64, variants: BTreeMap::new() };
        let manifest = SiteManifest { files: [("v.bin".to_owned(), file)].into(), ..SiteManifest::default() };
        let site = ingress.manifest("s.test", "1aaaaaaaaa", &manifest);
        if on_disk {
            ingress.blobs.keep_in(folder.path().to_path_buf());
        }
        ingress.table(vec![site]).await;
        let mut visitor = ingress.visitor().await;
        assert_eq!(visitor.get("s.test", "/v.bin", &[]).await.body, content);
        let fetched = ingress.blobs.fetched.load(Ordering::SeqCst);
        assert_eq!(fetched, if on_disk { 1 } else { 2 });
        let part = visitor.get("s.test", "/v.bin", &[("Range", "bytes=100000-299999")]).await;
        assert_eq!((part.status, part.body.as_slice()), (206, &content[100_000..300_000]));
        let head = visitor.ask("HEAD", "s.test", "/v.bin", &[]).await.unwrap();
        assert_eq!(head.header("content-length"), Some("400000"));
    }
}

#[tokio::test]
async fn rules_of_the_site() {
    let mut ingress = TestIngress::start().await;
    let redirects = "\
        /old /new 301\n\
        /temp/* /there/:splat 302\n\
        /app/* /shell.html 200\n\
        /real.txt /other 302\n\
        /forced.txt /other 302!\n\
        /gone /404.html 404\n\
        /proxy/* https://api.example/:splat 200\n\
        /find q=:q /search/:q\n\
        /* /index.html 200\n";
    let headers =
        "/*\n  X-Frame-Options: DENY\n/real.txt\n  Cache-Control: public, max-age=60\n  Content-Length: 3\n";
    let site = ingress.site(
        "s.test",
        "1aaaaaaaaa",
        &[
            ("index.html", "home"),
            ("shell.html", "shell"),
            ("real.txt", "real"),
            ("forced.txt", "forced"),
            ("404.html", "404"),
            ("_redirects", redirects),
            ("_headers", headers),
        ],
    );
    ingress.table(vec![site]).await;
    for (path, status, body, location) in [
        ("/old", 301, "", Some("/new")),
        ("/old?a=b", 301, "", Some("/new?a=b")),
        ("/temp/a/b", 302, "", Some("/there/a/b")),
        ("/temp//evil.example", 302, "", Some("/there//evil.example")),
        ("/app/x", 200, "shell", None),
        ("/real.txt", 200, "real", None),
        ("/forced.txt", 302, "", Some("/other")),
        ("/gone", 404, "404", None),
        ("/proxy/x", 200, "home", None),
        ("/find?q=a%20b", 301, "", Some("/search/a%20b")),
        ("/anything", 200, "home", None),
        ("/_redirects", 200, "home", None),
    ] {
        let answer = ingress.get("s.test", path).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
        assert_eq!(answer.header("location"), location, "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
    assert_eq!(ingress.get("s.test", "/real.txt").await.header("cache-control"), Some("public, max-age=60"));
}

#[tokio::test]
async fn a_broken_site_concerns_nobody_else() {
    let mut ingress = TestIngress::start().await;
    let poisoned = ingress.blobs.add("{\"files\": 7}");
    let of = |host: &str, id: &str, manifest| {
        route(host, Target::Site { deployment: id.parse().unwrap(), manifest })
    };
    let good = ingress.site("good.test", "3aaaaaaaaa", &[("index.html", "good")]);
    let file = SiteFile { digest: Digest::of(b"not stored"), size: 10, variants: BTreeMap::new() };
    let missing = SiteManifest { files: [("index.html".to_owned(), file)].into(), ..SiteManifest::default() };
    let missing = ingress.manifest("hole.test", "4aaaaaaaaa", &missing);
    let routes = vec![
        of("poisoned.test", "1aaaaaaaaa", poisoned),
        of("lost.test", "2aaaaaaaaa", Digest::of(b"nowhere")),
        missing,
        good,
    ];
    ingress.table(routes).await;
    ingress.blobs.away.store(true, Ordering::SeqCst);
    assert_eq!(ingress.get("good.test", "/").await.status, 503, "the store is away");
    ingress.blobs.away.store(false, Ordering::SeqCst);
    for (host, status) in [("poisoned.test", 500), ("lost.test", 500), ("hole.test", 500), ("good.test", 200)]
    {
        assert_eq!(ingress.get(host, "/").await.status, status, "{host}");
    }
    // What has been read once is shown without the store.
    ingress.blobs.away.store(true, Ordering::SeqCst);
    assert_eq!(ingress.get("good.test", "/").await.text(), "good");
}
