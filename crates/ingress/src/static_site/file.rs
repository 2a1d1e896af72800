//! One file as an answer: the variant, the headers, the bytes.

use bytes::Bytes;
use futures::StreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE, VARY,
};
use http::{HeaderValue, Method, Response, StatusCode};
use pierhead_model::digest::Digest;
use pierhead_model::release::{Encoding, SiteFile};

use super::contents::{ContentError, Shelf};
use super::range::{self, Wanted};
use super::{conditional, encoding, hashed_name, media_type};
use crate::body::Body;
use crate::response::{NOSNIFF, REVALIDATE};

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file with everything about it that does not depend on the request.
#[derive(Debug)]
pub(super) struct File {
    plain: Representation,
    variants: Vec<(Encoding, Representation)>,
    content_type: HeaderValue,
    cache_control: HeaderValue,
}

/// The bytes of a file in one encoding.
#[derive(Debug)]
struct Representation {
    digest: Digest,
    size: u64,
    /// Strong: the digest of these very bytes.
    etag: HeaderValue,
}

impl Representation {
    fn new(digest: Digest, size: u64) -> Self {
        let text = Bytes::from(format!("\"{digest}\""));
        let etag = HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("\"\""));
        Self { digest, size, etag }
    }
}

impl File {
    pub(super) fn new(path: &str, file: &SiteFile) -> Self {
        Self {
            plain: Representation::new(file.digest, file.size),
            variants: file
                .variants
                .iter()
                .map(|(encoding, variant)| (*encoding, Representation::new(variant.digest, variant.size)))
                .collect(),
            content_type: media_type::of(path),
            cache_control: if hashed_name::is_hashed(path) { FOR_EVER } else { REVALIDATE },
        }
    }

    #[cfg(test)]
    pub(super) const fn digest(&self) -> Digest {
        self.plain.digest
    }

    /// Answers `GET` and `HEAD`. Conditions and ranges concern only what is answered with 200.
    pub(super) async fn answer(
        &self,
        request: &http::request::Parts,
        status: StatusCode,
        shelf: Shelf<'_>,
    ) -> Result<Response<Body>, ContentError> {
        let (encoding, chosen) = self.choose(request);
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        if !self.variants.is_empty() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.insert(NOSNIFF.0, NOSNIFF.1);
        if status != StatusCode::OK {
            // Whoever gets this got there by a path that may exist tomorrow.
            headers.insert(CACHE_CONTROL, REVALIDATE);
        } else {
            headers.insert(CACHE_CONTROL, self.cache_control.clone());
            headers.insert(ETAG, chosen.etag.clone());
            if conditional::is_unchanged(&request.headers, &chosen.etag) {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(response);
            }
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        *response.status_mut() = status;
        let range = match self.wanted(request, status, chosen) {
            Wanted::Whole => None,
            Wanted::Part(range) => {
                let text = format!("bytes {}-{}/{}", range.start, range.end - 1, chosen.size);
                if let Ok(value) = HeaderValue::try_from(text) {
                    response.headers_mut().insert(CONTENT_RANGE, value);
                }
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                Some(range)
            }
            Wanted::Unsatisfiable => {
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{}", chosen.size)) {
                    response.headers_mut().insert(CONTENT_RANGE, value);
                }
                response.headers_mut().remove(CONTENT_ENCODING);
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                return Ok(response);
            }
        };
        *response.body_mut() = if request.method == Method::HEAD {
            // Only its length is looked at.
            Body::stream(futures::stream::empty().boxed(), chosen.size)
        } else {
            shelf.body(chosen.digest, chosen.size, range).await?
        };
        Ok(response)
    }

    fn choose(&self, request: &http::request::Parts) -> (Option<Encoding>, &Representation) {
        if self.variants.is_empty() {
            return (None, &self.plain);
        }
        let available = |wanted| self.variants.iter().find(|(encoding, _)| *encoding == wanted);
        let encoding = encoding::choose(&request.headers, |encoding| available(encoding).is_some());
        match encoding.and_then(available) {
            Some((encoding, representation)) => (Some(*encoding), representation),
            None => (None, &self.plain),
        }
    }

    fn wanted(&self, request: &http::request::Parts, status: StatusCode, chosen: &Representation) -> Wanted {
        let header = request.headers.get(RANGE).and_then(|value| value.to_str().ok());
        match header {
            Some(header)
                if status == StatusCode::OK
                    && request.method == Method::GET
                    && conditional::range_holds(&request.headers, &chosen.etag) =>
            {
                range::parse(header, chosen.size)
            }
            Some(_) | None => Wanted::Whole,
        }
    }
}
