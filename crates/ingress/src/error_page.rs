//! The platform's own pages: what happened and what to do, for people; the same as JSON for programs that want only that.
//!
//! Nothing is loaded from anywhere, nothing runs: the policy allows the one style by its hash and nothing else. The text is
//! for visitors, who can do little, and for the owner, who is sent to the console; it never says what went wrong inside.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER,
};
use http::{Response, StatusCode};
use pierhead_wire::route::Page;
use serde_json::json;

use crate::body::Body;
use crate::forwarding::REQUEST_ID;
use crate::response::NOSNIFF;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:#fafafa;color:#1c1c1c}\
main{max-width:34rem;padding:2rem}\
h1{font-size:1.4rem;margin:0 0 .5rem}\
p{margin:.5rem 0}\
small{color:#666}\
a{color:inherit}\
@media(prefers-color-scheme:dark){body{background:#141414;color:#eee}small{color:#999}}";

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-uIUPA/wqQEJjjp441oqOVR+Ac8ALjn2WOmGP40JQ5NE='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What a visitor is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice {
    status: StatusCode,
    /// Stable, for programs.
    kind: &'static str,
    title: &'static str,
    happened: &'static str,
    advice: &'static str,
    /// After how many seconds to try again; a page that has this does so by itself.
    retry_after: Option<u8>,
    /// Whether the console can say more.
    for_owners: bool,
}

impl Notice {
    const fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        happened: &'static str,
        advice: &'static str,
    ) -> Self {
        Self { status, kind, title, happened, advice, retry_after: None, for_owners: false }
    }

    const fn retry_after(mut self, seconds: u8) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    const fn for_owners(mut self) -> Self {
        self.for_owners = true;
        self
    }

    /// The text says which rule was broken.
    pub(crate) const fn bad_request(happened: &'static str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "This request cannot be understood",
            happened,
            "Check the address. If a program sent this, its request has to be corrected.",
        )
    }

    pub(crate) const UNKNOWN_HOST: Self = Self::new(
        StatusCode::NOT_FOUND,
        "unknown_host",
        "There is nothing at this address",
        "No project is published under this hostname.",
        "Check the spelling. A preview may have expired, or a project may have been renamed.",
    );

    pub(crate) const NO_TABLE_YET: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        "Just a moment",
        "This server has started and does not know its projects yet.",
        "This page tries again by itself.",
    )
    .retry_after(2);

    pub(crate) const NO_SUCH_PAGE: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no_such_page",
        "This page does not exist",
        "The site has no page at this address.",
        "Check the address, or start from the site's front page.",
    );

    pub(crate) const UNREACHABLE: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        "unreachable",
        "The application cannot be reached",
        "It does not accept connections at the moment.",
        "Try again in a few seconds. If this lasts, its owner should look at its log.",
    )
    .for_owners();

    pub(crate) const NO_ANSWER: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        "no_answer",
        "The application gave no answer",
        "It closed the connection before it answered, or its answer was not HTTP.",
        "Try again. If this lasts, its owner should look at its log.",
    )
    .for_owners();

    pub(crate) const TIMED_OUT: Self = Self::new(
        StatusCode::GATEWAY_TIMEOUT,
        "timed_out",
        "The application takes too long",
        "It did not begin to answer within the time limit.",
        "Try again. What you asked for may or may not have been done.",
    )
    .for_owners();

    pub(crate) const BUSY: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "The application is busy",
        "It is answering as many requests as it may at the same time.",
        "Try again in a few seconds.",
    )
    .retry_after(5);

    pub(crate) const WAKING: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "waking",
        "The application is waking up",
        "Nobody had needed it for a while, so it was asleep. It is being started.",
        "This page tries again by itself.",
    )
    .retry_after(2);

    pub(crate) const FOREIGN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "foreign_page",
        "Another page may not ask for this",
        "This address is protected, and a page of another host asked for it in your name.",
        "Open it by itself. A program of its own needs a pass.",
    );

    pub(crate) const TICKET_OVER: Self = Self::new(
        StatusCode::FORBIDDEN,
        "ticket_over",
        "This way in is closed",
        "It opens once, within a minute of signing in.",
        "Go to the address that you want to see: you are let in anew.",
    );

    /// More requests than the project allows.
    pub(crate) const fn too_many(seconds: u8) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests",
            "More requests came from your address than this project answers in that time.",
            "Wait a moment; a program finds in Retry-After for how long.",
        )
        .retry_after(seconds)
    }

    pub(crate) const VISITOR_TOO_SLOW: Self = Self::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_too_slow",
        "The request took too long to arrive",
        "Its body came more slowly than this server waits for.",
        "Try again, with a better connection if there is one.",
    );

    pub(crate) const SITE_UNAVAILABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "files_unavailable",
        "This site's files cannot be read at the moment",
        "The store that keeps them does not answer.",
        "Try again in a few seconds.",
    )
    .retry_after(5);

    pub(crate) const SITE_BROKEN: Self = Self::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "files_broken",
        "This site cannot be shown",
        "Its files are not stored as they should be.",
        "Its owner can deploy it again, which stores them anew.",
    )
    .for_owners();

    pub(crate) const fn of_page(page: Page) -> Self {
        match page {
            Page::Starting => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "starting",
                "Almost there",
                "The first deployment of this project is on its way.",
                "This page tries again by itself.",
            )
            .retry_after(2),
            Page::Failed => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "failed",
                "The deployment has failed",
                "Nothing has been published here yet, because the only deployment there is did not succeed.",
                "Its owner can see why in the console, and deploy again.",
            )
            .for_owners(),
            Page::Offline => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "offline",
                "The application is offline",
                "Its process is down, or the machine it runs on cannot be reached.",
                "It comes back by itself when that is over. Try again in a minute.",
            )
            .retry_after(30)
            .for_owners(),
            Page::Stopped => Self::new(
                StatusCode::NOT_FOUND,
                "stopped",
                "This deployment was stopped",
                "Its owner has taken it off the air.",
                "If you are the owner, start or deploy it again.",
            )
            .for_owners(),
        }
    }

    /// The answer, in the form the visitor can read.
    pub(crate) fn answer(
        &self,
        accept: Option<&HeaderValue>,
        request_id: &HeaderValue,
        console_url: Option<&str>,
    ) -> Response<Body> {
        let id = request_id.to_str().unwrap_or_default();
        let (content_type, text) = if wants_only_json(accept) {
            ("application/problem+json", self.json(id))
        } else {
            ("text/html; charset=utf-8", self.html(id, console_url))
        };
        let mut response = Response::new(Body::whole(text.into()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(NOSNIFF.0, NOSNIFF.1);
        headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
        headers.insert(REQUEST_ID, request_id.clone());
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
        }
        response
    }

    fn json(&self, request_id: &str) -> String {
        json!({
            "type": "about:blank",
            "status": self.status.as_u16(),
            "code": self.kind,
            "title": self.title,
            "detail": format!("{} {}", self.happened, self.advice),
            "request_id": request_id,
        })
        .to_string()
    }

    fn html(&self, request_id: &str, console_url: Option<&str>) -> String {
        let refresh = self
            .retry_after
            .map(|seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"))
            .unwrap_or_default();
        let console = console_url
            .filter(|_| self.for_owners)
            .map(|url| format!("<p><a href=\"{}\">Open the console</a></p>", escape(url)))
            .unwrap_or_default();
        let (title, happened, advice) = (self.title, self.happened, self.advice);
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">{refresh}\
             <title>{title}</title><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1><p>{happened}</p><p>{advice}</p>{console}\
             <p><small>{status} · request {id}</small></p></main></body></html>\n",
            status = self.status.as_u16(),
            id = escape(request_id),
        )
    }
}

/// Whether a program asked, which names JSON and neither HTML nor just anything.
fn wants_only_json(accept: Option<&HeaderValue>) -> bool {
    let Some(Ok(text)) = accept.map(HeaderValue::to_str) else { return false };
    let mut json = false;
    for range in text.split(',') {
        let media = range.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/json")
            || media.eq_ignore_ascii_case("application/problem+json")
        {
            json = true;
        } else if media == "*/*" || media.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text/")) {
            return false;
        }
    }
    json
}

/// Whether a browser asked, for a page.
pub(crate) fn wants_page(accept: Option<&HeaderValue>) -> bool {
    accept.and_then(|accept| accept.to_str().ok()).is_some_and(|text| text.contains("text/html"))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use pierhead_model::digest::Digest;

    use super::*;

    #[test]
    fn the_policy_allows_exactly_the_style() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
        assert!(POLICY.to_str().unwrap().contains(&format!("'sha256-{hash}'")), "sha256-{hash}");
    }

    #[test]
    fn json_only_for_those_who_want_only_json() {
        for (accept, json) in [
            ("application/json", true),
            ("application/problem+json, application/json;q=0.9", true),
            ("application/json, */*", false),
            ("text/html,application/json", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(wants_only_json(Some(&HeaderValue::from_static(accept))), json, "{accept}");
        }
        assert!(!wants_only_json(None));
    }

    #[test]
    fn every_page_says_what_happened_and_links_the_console_only_for_owners() {
        let html = Notice::of_page(Page::Failed).html("abc", Some("https://x/?a=\"&b"));
        assert!(html.contains("did not succeed") && html.contains("https://x/?a=&quot;&amp;b"), "{html}");
        let html = Notice::of_page(Page::Starting).html("abc", Some("https://x"));
        assert!(
            html.contains("http-equiv=\"refresh\" content=\"2\"") && !html.contains("https://x"),
            "{html}"
        );
        assert!(html.contains("request abc"));
    }
}
