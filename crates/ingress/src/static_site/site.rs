//! One site: read once, then asked.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use pierhead_model::digest::Digest;
use pierhead_model::id::DeploymentId;
use pierhead_model::release::{SiteFile, SiteManifest};
use tokio::sync::OnceCell;

use super::contents::{ContentError, Contents, Shelf};
use super::file::File;
use super::files::{Entry, Files};
use super::header_rules::{self, HeaderRules};
use super::redirects::{Asked, Redirects, Verdict};
use super::{hashed_name, path, redirect_parser};
use crate::body::Body;
use crate::drain::Tracker;
use crate::error_page::Notice;
use crate::response::{method_not_allowed, redirect};
use crate::target::Route;

/// Lines of `_redirects` and `_headers` that are warned about.
const WARNINGS: usize = 20;
/// Larger files of rules are cut off by their parsers anyway.
const RULES_BYTES: u64 = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Site {
    tracker: Arc<Tracker>,
    manifest: Digest,
    /// A manifest that cannot be read is not read again; a store that does not answer is asked again.
    loaded: OnceCell<Result<Arc<Loaded>, Poisoned>>,
}

/// The manifest is there and is not one.
#[derive(Debug, Clone, Copy)]
struct Poisoned;

/// Everything about a site that does not depend on the request.
#[derive(Debug)]
struct Loaded {
    files: Files,
    redirects: Redirects,
    headers: HeaderRules,
    single_page: bool,
}

impl Site {
    pub(crate) fn new(tracker: Arc<Tracker>, manifest: Digest) -> Self {
        Self { tracker, manifest, loaded: OnceCell::new() }
    }

    pub(crate) fn deployment(&self) -> &DeploymentId {
        self.tracker.deployment()
    }

    pub(crate) const fn tracker(&self) -> &Arc<Tracker> {
        &self.tracker
    }

    pub(crate) const fn manifest(&self) -> Digest {
        self.manifest
    }

    /// Answers a request, or says which of the platform's pages does.
    pub(crate) async fn answer(
        &self,
        route: &Route,
        request: &Parts,
        shelf: Shelf<'_>,
    ) -> Result<Response<Body>, Notice> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return Ok(method_not_allowed());
        }
        let path = path::normalise(request.uri.path())
            .map_err(|_| Notice::bad_request("The path is ambiguous or leads out of the site."))?;
        let site = match self.loaded.get() {
            Some(Ok(loaded)) => Arc::clone(loaded),
            Some(Err(Poisoned)) | None => Box::pin(self.load(shelf.contents)).await?,
        };
        match site.answer(&path, route, request, shelf).await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(Notice::NO_SUCH_PAGE),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    deployment = %self.deployment(), path = %path,
                    "a file of a site could not be shown"
                );
                Err(error.notice())
            }
        }
    }

    async fn load(&self, contents: &Contents) -> Result<Arc<Loaded>, Notice> {
        let loaded = self.loaded.get_or_try_init(|| async {
            let bytes = contents.manifest(self.manifest).await?;
            match serde_json::from_slice::<SiteManifest>(&bytes) {
                Ok(manifest) => Ok(Ok(Arc::new(self.read(&manifest, contents).await?))),
                Err(error) => {
                    tracing::error!(%error, deployment = %self.deployment(), "a site's manifest cannot be read");
                    Ok(Err(Poisoned))
                }
            }
        });
        match loaded.await {
            Ok(Ok(loaded)) => Ok(Arc::clone(loaded)),
            Ok(Err(Poisoned)) => Err(Notice::SITE_BROKEN),
            Err(error) => {
                let error: ContentError = error;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    deployment = %self.deployment(),
                    "a site's manifest could not be fetched"
                );
                Err(error.notice())
            }
        }
    }

    async fn read(&self, manifest: &SiteManifest, contents: &Contents) -> Result<Loaded, ContentError> {
        let redirects = redirect_parser::parse(&text(manifest.files.get("_redirects"), contents).await?);
        let headers = header_rules::parse(&text(manifest.files.get("_headers"), contents).await?);
        self.warn("_redirects", &redirects.warnings);
        self.warn("_headers", &headers.warnings);
        Ok(Loaded {
            files: Files::of(manifest),
            redirects: redirects.redirects,
            headers: headers.rules,
            single_page: manifest.routing.single_page,
        })
    }

    fn warn(&self, file: &str, warnings: &[(usize, &'static str)]) {
        for (line, warning) in warnings.iter().take(WARNINGS) {
            tracing::warn!(deployment = %self.deployment(), "{file}, line {line} is left out: {warning}");
        }
    }
}

/// The text of a file of rules; nothing if there is none, or if it is too large to be one.
async fn text(file: Option<&SiteFile>, contents: &Contents) -> Result<String, ContentError> {
    let bytes = match file.filter(|file| file.size <= RULES_BYTES) {
        Some(file) => contents.whole(file.digest, file.size).await?,
        None => Bytes::new(),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Loaded {
    /// In order: forced rules, files, other rules, hashed files of the site that was here a moment ago, the single page,
    /// the 404 page.
    async fn answer(
        &self,
        path: &str,
        route: &Route,
        request: &Parts,
        shelf: Shelf<'_>,
    ) -> Result<Option<Response<Body>>, ContentError> {
        if path::is_hidden(path) {
            return self.not_found(path, request, shelf).await;
        }
        let entry = self.files.get(path);
        let asked = Asked {
            host: route.host.as_str(),
            path,
            raw_path: request.uri.path(),
            query: request.uri.query(),
            headers: &request.headers,
        };
        match (self.redirects.find(&asked, entry.is_some()), entry) {
            (Some(Verdict::Redirect(status, location)), _) => {
                let mut response = redirect(status, location);
                self.headers.apply(path, response.headers_mut());
                Ok(Some(response))
            }
            (Some(Verdict::Rewrite(status, target)), _) => match self.files.file(&target) {
                Some(file) => self.show(file, status, path, request, shelf).await.map(Some),
                None => self.not_found(path, request, shelf).await,
            },
            (None, Some(Entry::File(file))) => {
                self.show(file, StatusCode::OK, path, request, shelf).await.map(Some)
            }
            (None, Some(Entry::MovedTo(location))) => Ok(moved(location, request.uri.query())),
            (None, None) => self.fall_back(path, route, request, shelf).await,
        }
    }

    async fn fall_back(
        &self,
        path: &str,
        route: &Route,
        request: &Parts,
        shelf: Shelf<'_>,
    ) -> Result<Option<Response<Body>>, ContentError> {
        let is_hashed = hashed_name::is_hashed(path.trim_start_matches('/'));
        if is_hashed && let Some(file) = previous_file(path, route) {
            return file.answer(request, StatusCode::OK, shelf).await.map(Some);
        }
        // A page instead of a script only hides that the script is gone.
        match self.files.file("/").filter(|_| self.single_page && !is_hashed) {
            Some(index) => self.show(index, StatusCode::OK, path, request, shelf).await.map(Some),
            None => self.not_found(path, request, shelf).await,
        }
    }

    async fn not_found(
        &self,
        path: &str,
        request: &Parts,
        shelf: Shelf<'_>,
    ) -> Result<Option<Response<Body>>, ContentError> {
        match self.files.not_found(path) {
            Some(file) => self.show(file, StatusCode::NOT_FOUND, path, request, shelf).await.map(Some),
            None => Ok(None),
        }
    }

    async fn show(
        &self,
        file: &File,
        status: StatusCode,
        path: &str,
        request: &Parts,
        shelf: Shelf<'_>,
    ) -> Result<Response<Body>, ContentError> {
        let mut response = file.answer(request, status, shelf).await?;
        self.headers.apply(path, response.headers_mut());
        Ok(response)
    }
}

/// A page that was loaded before the switch still finds its scripts and styles. Their names hold their content's hash, so this
/// can never show an old file for a new one.
fn previous_file(path: &str, route: &Route) -> Option<Arc<File>> {
    let now = Instant::now();
    let sites = route.previous.iter().filter(|previous| now < previous.until);
    sites.map(|previous| &previous.site).find_map(|site| match site.loaded.get() {
        Some(Ok(loaded)) => loaded.files.file(path).cloned(),
        Some(Err(Poisoned)) | None => None,
    })
}

fn moved(location: &str, query: Option<&str>) -> Option<Response<Body>> {
    let location = match query {
        Some(query) => HeaderValue::try_from(format!("{location}?{query}")),
        None => HeaderValue::try_from(location),
    };
    location.ok().map(|location| redirect(StatusCode::PERMANENT_REDIRECT, location))
}
