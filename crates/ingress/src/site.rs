//! Sites: files by their manifest, from memory or straight from where they are stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use moka::future::Cache;
use pierhead_model::digest::Digest;
use pierhead_model::release::{Encoding, SiteFile, SiteManifest};
use pierhead_wire::{BlobChannel, BlobError};

use crate::page::{self, Body, BodyError};
use crate::path::{Normal, normalise};
use crate::redirects::{HeaderRule, Redirect, parse_headers, parse_redirects};

/// Larger files are streamed and not kept in memory.
const KEPT_BYTES: u64 = 1 << 20;
/// A manifest that nobody asked for is forgotten after this time.
const MANIFEST_IDLE: Duration = Duration::from_secs(600);
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A site that is ready to be served.
#[derive(Debug)]
struct Site {
    files: BTreeMap<String, SiteFile>,
    single_page: bool,
    redirects: Vec<Redirect>,
    headers: Vec<HeaderRule>,
}

#[derive(Debug)]
pub(crate) struct Sites {
    blobs: Arc<dyn BlobChannel>,
    sites: Cache<Digest, Arc<Site>>,
    content: Cache<Digest, Bytes>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Found<'a> {
    File { name: &'a str, file: &'a SiteFile, status: StatusCode },
    Redirect { to: String, status: StatusCode },
    Nothing,
}

impl Sites {
    pub(crate) fn new(blobs: Arc<dyn BlobChannel>, cache_bytes: u64) -> Self {
        let weigh = |_: &Digest, content: &Bytes| u32::try_from(content.len()).unwrap_or(u32::MAX);
        Self {
            blobs,
            sites: Cache::builder().max_capacity(10_000).time_to_idle(MANIFEST_IDLE).build(),
            content: Cache::builder().max_capacity(cache_bytes).weigher(weigh).build(),
        }
    }

    pub(crate) async fn answer<B>(&self, request: &Request<B>, manifest: Digest) -> Response<Body> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response =
                page::problem(request, StatusCode::METHOD_NOT_ALLOWED, "A site can only be read.");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match self.try_answer(request, manifest).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(%manifest, %error, "a site's files cannot be read");
                page::problem(
                    request,
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The files of this site cannot be read.",
                )
            }
        }
    }

    async fn try_answer<B>(
        &self,
        request: &Request<B>,
        manifest: Digest,
    ) -> Result<Response<Body>, BlobError> {
        let site = self.site(manifest).await?;
        let Some(path) = normalise(request.uri().path()) else {
            return Ok(page::problem(request, StatusCode::NOT_FOUND, "There is no such file."));
        };
        let mut response = match site.find(&path, request.uri().path()) {
            Found::File { name, file, status } => self.send(request, name, file, status).await?,
            Found::Redirect { to, status } => redirect(&to, status, request.uri().query()),
            Found::Nothing => page::problem(request, StatusCode::NOT_FOUND, "There is no such page."),
        };
        for rule in site.headers.iter().filter(|rule| rule.fits(request.uri().path())) {
            for (name, value) in &rule.headers {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
        Ok(response)
    }

    async fn site(&self, manifest: Digest) -> Result<Arc<Site>, BlobError> {
        if let Some(site) = self.sites.get(&manifest).await {
            return Ok(site);
        }
        let text = self.blobs.get(manifest).await?;
        let parsed: SiteManifest = serde_json::from_slice(&text).map_err(|error| BlobError::Unavailable {
            reason: format!("the manifest cannot be read: {error}"),
        })?;
        let rules = async |name: &str| match parsed.files.get(name).filter(|file| file.size < 256 * 1024) {
            Some(file) => Ok(String::from_utf8_lossy(&self.blobs.get(file.digest).await?).into_owned()),
            None => Ok::<_, BlobError>(String::new()),
        };
        let (redirects, headers) = (rules("_redirects").await?, rules("_headers").await?);
        let site = Arc::new(Site {
            redirects: parse_redirects(&redirects),
            headers: parse_headers(&headers),
            single_page: parsed.routing.single_page,
            files: parsed.files,
        });
        self.sites.insert(manifest, Arc::clone(&site)).await;
        Ok(site)
    }

    async fn send<B>(
        &self,
        request: &Request<B>,
        name: &str,
        file: &SiteFile,
        status: StatusCode,
    ) -> Result<Response<Body>, BlobError> {
        let asked = request.headers();
        let range = if status == StatusCode::OK { range(asked, file) } else { Range::Whole };
        // A part of a file is a part of its own bytes, not of a compressed form.
        let encoding = if matches!(range, Range::Whole) { choose(asked, file) } else { None };
        let variant = encoding.and_then(|encoding| Some((encoding, file.variants.get(&encoding)?)));
        let (digest, size) =
            variant.map_or((file.digest, file.size), |(_, variant)| (variant.digest, variant.size));
        let tag = format!("\"{}\"", digest.to_hex().get(..32).unwrap_or_default());
        let mut response = Response::new(page::empty());
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CACHE_CONTROL, if is_hashed(name) { IMMUTABLE } else { REVALIDATE });
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if !file.variants.is_empty() {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if status == StatusCode::OK && matches_tag(asked, &tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        headers.insert(header::CONTENT_TYPE, content_type(name));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some((encoding, _)) = variant {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        let part = match range {
            Range::Whole => None,
            Range::Part(part) => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let text = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                if let Ok(value) = HeaderValue::from_str(&text) {
                    response.headers_mut().insert(header::CONTENT_RANGE, value);
                }
                Some(part)
            }
            Range::Beyond => {
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
                    response.headers_mut().insert(header::CONTENT_RANGE, value);
                }
                return Ok(response);
            }
        };
        if part.is_none() {
            *response.status_mut() = status;
        }
        let length = part.as_ref().map_or(size, |part| part.end - part.start);
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if request.method() == Method::GET {
            *response.body_mut() = self.body(digest, size, part).await?;
        }
        Ok(response)
    }

    async fn body(
        &self,
        digest: Digest,
        size: u64,
        part: Option<std::ops::Range<u64>>,
    ) -> Result<Body, BlobError> {
        if size > KEPT_BYTES {
            let pieces = self.blobs.stream(digest, part).await?;
            let frames =
                pieces.map(|piece| piece.map(Frame::data).map_err(|error| Box::new(error) as BodyError));
            return Ok(StreamBody::new(frames).boxed_unsync());
        }
        let content = match self.content.get(&digest).await {
            Some(content) => content,
            None => {
                let content = self.blobs.get(digest).await?;
                self.content.insert(digest, content.clone()).await;
                content
            }
        };
        let in_memory = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
        let content = match part {
            Some(part) => content.slice(in_memory(part.start)..in_memory(part.end)),
            None => content,
        };
        Ok(page::full(content))
    }
}

impl Site {
    fn find(&self, path: &Normal, asked: &str) -> Found<'_> {
        let mut rule = self.redirects.iter().find_map(|rule| Some((rule, rule.target(asked)?)));
        if let Some((rule, target)) = rule.take_if(|(rule, _)| rule.force) {
            return self.follow(&target, rule.status);
        }
        match self.file(path) {
            Found::Nothing => {}
            found => return found,
        }
        if let Some((rule, target)) = rule {
            return self.follow(&target, rule.status);
        }
        if let (true, Some((name, file))) = (self.single_page, self.files.get_key_value("index.html")) {
            return Found::File { name, file, status: StatusCode::OK };
        }
        match self.files.get_key_value("404.html") {
            Some((name, file)) => Found::File { name, file, status: StatusCode::NOT_FOUND },
            None => Found::Nothing,
        }
    }

    /// A file by its name, by its name without `.html`, or the index of a folder.
    fn file(&self, path: &Normal) -> Found<'_> {
        let ok = |(name, file)| Found::File { name, file, status: StatusCode::OK };
        let is_rules = matches!(path.name.as_str(), "_redirects" | "_headers");
        if is_rules {
            return Found::Nothing;
        }
        let index =
            if path.name.is_empty() { "index.html".to_owned() } else { format!("{}/index.html", path.name) };
        if path.is_folder {
            return self.get(&index).map_or(Found::Nothing, ok);
        }
        if let Some(found) = self.get(&path.name).or_else(|| self.get(&format!("{}.html", path.name))) {
            return ok(found);
        }
        if self.files.contains_key(&index) {
            // Relative links of the page need the slash.
            return Found::Redirect {
                to: format!("/{}/", encode(&path.name)),
                status: StatusCode::PERMANENT_REDIRECT,
            };
        }
        Found::Nothing
    }

    fn get(&self, name: &str) -> Option<(&str, &SiteFile)> {
        self.files.get_key_value(name).map(|(name, file)| (name.as_str(), file))
    }

    fn follow(&self, target: &str, status: u16) -> Found<'_> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::MOVED_PERMANENTLY);
        if status.is_redirection() {
            return Found::Redirect { to: target.to_owned(), status };
        }
        let path = target.split('?').next().unwrap_or_default();
        match normalise(path).map(|path| self.file(&path)) {
            Some(Found::File { name, file, .. }) => Found::File { name, file, status },
            _ => Found::Nothing,
        }
    }
}

fn encode(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn redirect(to: &str, status: StatusCode, query: Option<&str>) -> Response<Body> {
    let to = match query {
        Some(query) if !to.contains('?') => format!("{to}?{query}"),
        _ => to.to_owned(),
    };
    let mut response = Response::new(page::empty());
    *response.status_mut() = status;
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// What part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    Part(std::ops::Range<u64>),
    Beyond,
}

/// One range is honoured; several are answered with the whole, which is allowed.
fn range(headers: &HeaderMap, file: &SiteFile) -> Range {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let own_tag = format!("\"{}\"", file.digest.to_hex().get(..32).unwrap_or_default());
    if text(header::IF_RANGE).is_some_and(|tag| tag != own_tag) {
        return Range::Whole;
    }
    let Some(wanted) = text(header::RANGE).and_then(|value| value.strip_prefix("bytes=")) else {
        return Range::Whole;
    };
    let Some((start, end)) = wanted.split_once('-').filter(|_| !wanted.contains(',')) else {
        return Range::Whole;
    };
    let (start, end) = (start.trim(), end.trim());
    let last = file.size.saturating_sub(1);
    let part = match (start.parse::<u64>(), end.parse::<u64>()) {
        (Ok(start), Ok(end)) if start <= end => start..end.min(last) + 1,
        (Ok(start), Err(_)) if end.is_empty() => start..file.size,
        (Err(_), Ok(count)) if start.is_empty() && count > 0 => file.size.saturating_sub(count)..file.size,
        (Err(_), Ok(0)) if start.is_empty() => return Range::Beyond,
        _ => return Range::Whole,
    };
    if part.start >= file.size { Range::Beyond } else { Range::Part(part) }
}

fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    let wanted = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    wanted.split(',').map(str::trim).any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag)
}

/// The encoding the visitor likes best among those there are.
fn choose(headers: &HeaderMap, file: &SiteFile) -> Option<Encoding> {
    let accept = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let quality = |token: &str| {
        accept.split(',').find_map(|item| {
            let mut parts = item.split(';');
            let name = parts.next()?.trim();
            let quality =
                parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            name.eq_ignore_ascii_case(token).then_some(quality)
        })
    };
    let mut best: Option<(Encoding, f32)> = None;
    for encoding in file.variants.keys() {
        let liked = quality(encoding.token()).or_else(|| quality("*")).unwrap_or(0.0);
        if liked > best.map_or(0.0, |(_, best)| best) {
            best = Some((*encoding, liked));
        }
    }
    best.map(|(encoding, _)| encoding)
}

/// A name with a hash in it never gets other content: `app-4f9d2c1b.js`, `index.D3kf9aQx.css`.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let Some((stem, extension)) = file.rsplit_once('.') else { return false };
    if matches!(extension, "html" | "htm" | "json" | "xml" | "txt") {
        return false;
    }
    let Some(last) = stem.rsplit(['-', '.', '_']).next().filter(|last| *last != stem) else { return false };
    let mixed =
        last.bytes().any(|byte| byte.is_ascii_digit()) || last.bytes().any(|byte| byte.is_ascii_uppercase());
    last.len() >= 8 && mixed && last.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn content_type(name: &str) -> HeaderValue {
    let guess = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
    let is_text = guess.starts_with("text/")
        || matches!(
            guess,
            "application/javascript" | "application/json" | "application/xml" | "image/svg+xml"
        )
        || guess.ends_with("+json");
    let text = if is_text { format!("{guess}; charset=utf-8") } else { guess.to_owned() };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(names: &[&str], single_page: bool, redirects: &str) -> Site {
        let file = |name: &&str| {
            let digest = Digest::of(name.as_bytes());
            ((*name).to_owned(), SiteFile { digest, size: 100, variants: BTreeMap::new() })
        };
        let files = names.iter().map(file).collect();
        Site { files, single_page, redirects: parse_redirects(redirects), headers: Vec::new() }
    }

    fn answer(site: &Site, path: &str) -> String {
        match site.find(&normalise(path).unwrap(), path) {
            Found::File { name, status, .. } => format!("{} {name}", status.as_u16()),
            Found::Redirect { to, status } => format!("{} → {to}", status.as_u16()),
            Found::Nothing => "404".into(),
        }
    }

    #[test]
    fn paths_lead_to_files() {
        let plain = site(
            &["index.html", "about.html", "blog/index.html", "a.js", "404.html", "_redirects"],
            false,
            "",
        );
        for (path, expected) in [
            ("/", "200 index.html"),
            ("/about", "200 about.html"),
            ("/about.html", "200 about.html"),
            ("/blog", "308 → /blog/"),
            ("/blog/", "200 blog/index.html"),
            ("/a.js", "200 a.js"),
            ("/nope", "404 404.html"),
            ("/_redirects", "404 404.html"),
        ] {
            assert_eq!(answer(&plain, path), expected, "{path}");
        }
        let spa = site(&["index.html", "a.js"], true, "");
        assert_eq!(answer(&spa, "/any/where"), "200 index.html");
        let ruled = site(
            &["index.html", "a.html"],
            false,
            "/old /new 302\n/a /b 301!\n/api/* /index.html 200\n/gone /a 404",
        );
        for (path, expected) in [
            ("/old", "302 → /new"),
            ("/a", "301 → /b"),
            ("/api/x", "200 index.html"),
            ("/gone", "404 a.html"),
            ("/else", "404"),
        ] {
            assert_eq!(answer(&ruled, path), expected, "{path}");
        }
    }

    #[test]
    fn ranges() {
        let file = SiteFile { digest: Digest::of(b"x"), size: 100, variants: BTreeMap::new() };
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            range(&headers, &file)
        };
        assert_eq!(of("bytes=0-9"), Range::Part(0..10));
        assert_eq!(of("bytes=90-"), Range::Part(90..100));
        assert_eq!(of("bytes=-10"), Range::Part(90..100));
        assert_eq!(of("bytes=50-999"), Range::Part(50..100));
        assert_eq!(of("bytes=100-"), Range::Beyond);
        assert_eq!(of("bytes=-0"), Range::Beyond);
        for whole in ["bytes=9-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-"] {
            assert_eq!(of(whole), Range::Whole, "{whole}");
        }
    }

    #[test]
    fn names_with_a_hash_are_immutable() {
        for name in
            ["assets/index-BfX9a1cD.js", "_astro/page.D3kf9aQx.css", "static/main.4f9d2c1b.chunk-4f9d2c1b.js"]
        {
            assert!(is_hashed(name), "{name}");
        }
        for name in
            ["index.html", "app.js", "jquery-3.7.1.js", "my-component.js", "page-4f9d2c1b.html", "photo.png"]
        {
            assert!(!is_hashed(name), "{name}");
        }
    }
}
