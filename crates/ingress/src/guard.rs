//! Hostnames that are not for everybody, or not as often as one likes.
//!
//! | who comes with | is let in by |
//! | --- | --- |
//! | a cookie | a pass that this ingress, or another, gave for a ticket of the control plane |
//! | `Authorization: Bearer` | a pass for programs |
//! | `Authorization: Basic` | one of the project's passwords |
//! | nothing, in a browser | is sent to the console to sign in, or asked for a password |
//!
//! What was shown here is taken away before the application sees the request: neither the cookie nor the password is its business.
//! Browsers send both whoever asks them to, so neither counts when a page of another host asks: hostnames of one installation are
//! one *site* for a browser, and belong to different people.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, HeaderName, LOCATION, ORIGIN, REFERRER_POLICY,
    SET_COOKIE, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use moka::sync::Cache;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pierhead_model::visitors::{Access, RateLimit};
use pierhead_wire::pass::{self, PassKey, Use};
use pierhead_wire::route::Rules;

use crate::body::Body;
use crate::context::Context;
use crate::error_page::{Notice, wants_page};
use crate::limiter::Limited;
use crate::origin::{Origin, Scheme};
use crate::passwords::Proof;
use crate::response;

/// Passwords of one address that have to be hashed.
const ATTEMPTS: RateLimit = RateLimit { per_minute: 20, burst: Some(20) };
/// The longest address that one is brought back to.
const LONGEST_PATH: usize = 2000;
/// The longest password, with its name, in base64.
const LONGEST_BASIC: usize = 2048;
/// By TLS a cookie has a name that no other host can set.
const COOKIE_BY_TLS: &str = "__Host-pierhead-visit";
const COOKIE_PLAIN: &str = "pierhead-visit";
/// For visitors, who are all that may keep what is protected.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// For caches that are told. A day, should a word be lost after all.
const KEPT_BEFORE: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// What a line of the table says of its visitors, ready to be used.
#[derive(Debug)]
pub(crate) struct Guard {
    gate: Option<Gate>,
    rate_limit: Option<RateLimit>,
    /// How long a browser waits for a service that wakes up.
    pub(crate) wake_page_after: Option<Duration>,
    is_cached_before: bool,
}

#[derive(Debug)]
struct Gate {
    access: Access,
    sign_in: String,
    /// `None` lets nobody in by a pass: a key that cannot be read opens nothing.
    key: Option<PassKey>,
    passwords: Vec<(String, String)>,
}

impl Guard {
    pub(crate) fn of(rules: &Rules) -> Self {
        let gate = rules.gate.as_ref().filter(|gate| gate.access != Access::Public).map(|gate| Gate {
            access: gate.access,
            sign_in: gate.sign_in.clone(),
            key: PassKey::from_base64(&gate.key),
            passwords: gate.passwords.iter().map(|(name, hash)| (name.clone(), hash.clone())).collect(),
        });
        Self {
            gate,
            rate_limit: rules.rate_limit,
            wake_page_after: rules.wake_page_after_s.map(|seconds| Duration::from_secs(seconds.into())),
            // What is not for everybody is kept by nobody.
            is_cached_before: rules.is_cached_before && rules.gate.is_none(),
        }
    }

    /// Lets caches before this ingress keep what a site says has to be asked for again: they are told when it shows something else.
    pub(crate) fn mark_site(&self, headers: &mut HeaderMap) {
        if self.is_cached_before && headers.get(CACHE_CONTROL) == Some(&response::REVALIDATE) {
            headers.insert(HeaderName::from_static("cloudflare-cdn-cache-control"), KEPT_BEFORE);
        }
    }

    /// Whether a request has to be looked at before it is let in.
    pub(crate) const fn stops(&self) -> bool {
        self.gate.is_some() || self.rate_limit.is_some()
    }
}

/// Tickets that were taken here: each opens once.
#[derive(Debug)]
pub(crate) struct Tickets(Cache<String, ()>);

impl Tickets {
    pub(crate) fn new() -> Self {
        let kept = Duration::from_secs(pass::TICKET_S.unsigned_abs());
        Self(Cache::builder().max_capacity(100_000).time_to_live(kept).build())
    }

    fn is_first(&self, ticket: &str) -> bool {
        self.0.entry_by_ref(ticket).or_insert(()).is_fresh()
    }
}

/// Somebody who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LetIn {
    /// Not everybody would have been: what is answered is for this visitor alone.
    is_protected: bool,
}

/// What is said to who was not let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    Page(Notice),
    /// Also the way on for who comes with a ticket.
    Answer(Box<Response<Body>>),
}

/// Lets a request in, and takes away from it what it was let in by.
pub(crate) async fn admit<B>(
    context: &Context,
    guard: &Guard,
    (host, origin): (&str, &Origin),
    request: &mut Request<B>,
) -> Result<LetIn, Refusal> {
    if let Some(limit) = guard.rate_limit {
        limited(context, (Limited::Requests, host), origin.client, limit)?;
    }
    let Some(gate) = &guard.gate else { return Ok(LetIn { is_protected: false }) };
    let now = now();
    if request.uri().path() == pass::ENTRANCE {
        return Err(gate.entrance(context, origin.scheme, request.uri().query().unwrap_or_default(), now));
    }
    let by_cookie = gate.key.as_ref().is_some_and(|key| {
        cookies(request.headers()).any(|pass| key.check(pass, Use::Cookie, now).is_some())
    });
    let credentials = Credentials::of(request.headers());
    let by_header = match &credentials {
        _ if by_cookie => false,
        Credentials::Pass(pass) => {
            gate.key.as_ref().is_some_and(|key| key.check(pass, Use::Bearer, now).is_some())
        }
        Credentials::Password(name, password) if gate.access == Access::Password => {
            gate.fits(context, (host, origin.client), name, password).await?
        }
        Credentials::Password(..) | Credentials::None => false,
    };
    if !by_cookie && !by_header {
        return Err(gate.refusal(host, request));
    }
    // A pass for programs is sent by who means it; everything else may be sent by a browser that was told to.
    let is_meant = by_header && matches!(credentials, Credentials::Pass(_));
    if !is_meant && is_foreign(host, request.headers()) {
        return Err(Refusal::Page(Notice::FOREIGN));
    }
    if by_header {
        request.headers_mut().remove(AUTHORIZATION);
    }
    without_cookie(request.headers_mut());
    Ok(LetIn { is_protected: true })
}

fn limited(
    context: &Context,
    named: (Limited, &str),
    client: IpAddr,
    limit: RateLimit,
) -> Result<(), Refusal> {
    context.limiter.take(named, client, limit).map_err(|wait| {
        let seconds = wait.as_secs().saturating_add(1);
        Refusal::Page(Notice::too_many(u8::try_from(seconds).unwrap_or(u8::MAX)))
    })
}

impl LetIn {
    /// Keeps what is protected out of caches that others are answered from.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        if !self.is_protected {
            return;
        }
        let said = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let says = |wanted: &str| said.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted));
        if !says("no-store") && !says("private") {
            headers.insert(CACHE_CONTROL, PRIVATE);
        }
        for name in ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"] {
            headers.remove(name);
        }
    }
}

impl Gate {
    /// A browser comes back with a ticket: it gets a cookie for it and is sent on.
    fn entrance(&self, context: &Context, scheme: Scheme, query: &str, now: i64) -> Refusal {
        let value = |wanted: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|it| it.1)
        };
        let (ticket, to) = (value("ticket").unwrap_or_default(), value("to").unwrap_or_default());
        let good = self.key.as_ref().filter(|key| key.check(ticket, Use::Ticket, now).is_some());
        let Some(key) = good.filter(|_| context.tickets.is_first(ticket)) else {
            return Refusal::Page(Notice::TICKET_OVER);
        };
        let mut nonce = [0; 16];
        if rand::fill(&mut nonce).is_err() {
            return Refusal::Page(Notice::TICKET_OVER);
        }
        let pass = key.issue(Use::Cookie, now + pass::STAY_S, &nonce);
        let (name, secure) = match scheme {
            Scheme::Https => (COOKIE_BY_TLS, "; Secure"),
            Scheme::Http => (COOKIE_PLAIN, ""),
        };
        let cookie =
            format!("{name}={pass}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", pass::STAY_S);
        let mut answer = sent_to(&own_path(to));
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            answer.headers_mut().insert(SET_COOKIE, cookie);
        }
        Refusal::Answer(Box::new(answer))
    }

    async fn fits(
        &self,
        context: &Context,
        (host, client): (&str, IpAddr),
        name: &str,
        password: &str,
    ) -> Result<bool, Refusal> {
        let known = self.passwords.iter().find(|(known, _)| known == name);
        if known.is_some_and(|(_, hash)| context.passwords.is_proven(hash, password)) {
            return Ok(true);
        }
        // Whether there is the name is not to be seen by how long it takes.
        let Some((_, hash)) = known.or(self.passwords.first()) else { return Ok(false) };
        limited(context, (Limited::Passwords, host), client, ATTEMPTS)?;
        match context.passwords.prove(hash.clone(), password.to_owned(), known.is_some()).await {
            Proof::Right => Ok(true),
            Proof::Wrong => Ok(false),
            Proof::Busy => Err(Refusal::Page(Notice::BUSY)),
        }
    }

    /// What somebody is told who came with nothing that opens.
    fn refusal<B>(&self, host: &str, request: &Request<B>) -> Refusal {
        let headers = request.headers();
        let is_page = matches!(*request.method(), Method::GET | Method::HEAD)
            && !headers.contains_key(UPGRADE)
            && wants_page(headers.get(ACCEPT));
        if self.access == Access::Team && is_page {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let path = if path.len() > LONGEST_PATH { "/" } else { path };
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            return Refusal::Answer(Box::new(sent_to(&format!(
                "{}?host={}&path={}",
                self.sign_in,
                encoded(host),
                encoded(path)
            ))));
        }
        let challenge = match self.access {
            Access::Password => format!("Basic realm=\"{host}\", charset=\"UTF-8\""),
            Access::Team | Access::Public => format!("Bearer realm=\"{host}\""),
        };
        let text = match self.access {
            Access::Password => "This address asks for a password.\n",
            Access::Team | Access::Public => {
                "This address is for those who may see its project. A browser is sent to sign in; a program needs a pass: \
                 pierhead visitors pass\n"
            }
        };
        let mut answer = Response::new(Body::whole(text.into()));
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
        let headers = answer.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(response::NOSNIFF.0, response::NOSNIFF.1);
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        Refusal::Answer(Box::new(answer))
    }
}

/// A redirection that nobody keeps, and that tells the next page nothing of where it comes from.
fn sent_to(location: &str) -> Response<Body> {
    let mut answer = response::empty(StatusCode::SEE_OTHER);
    let headers = answer.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// A path of this host, whatever was asked for: `//evil.example` and `/\evil.example` are other hosts for a browser.
fn own_path(encoded: &str) -> String {
    let decoded = percent_decode_str(encoded).decode_utf8().unwrap_or_default();
    let is_own = decoded.starts_with('/')
        && !decoded.starts_with("//")
        && !decoded.contains('\\')
        && decoded.len() <= LONGEST_PATH
        && decoded.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own { decoded.into_owned() } else { "/".to_owned() }
}

/// What comes in `Authorization` and may be meant for this ingress.
#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    None,
    Pass(String),
    Password(String, String),
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
        let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((scheme, rest)) = said.split_once(' ') else { return Self::None };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") && pass::looks_like_one(rest) {
            return Self::Pass(rest.to_owned());
        }
        if scheme.eq_ignore_ascii_case("basic") && rest.len() <= LONGEST_BASIC {
            let decoded = BASE64.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some((name, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
                return Self::Password(name.to_owned(), password.to_owned());
            }
        }
        Self::None
    }
}

/// Whether a page of another host has a browser send this, not a visitor who follows a link.
fn is_foreign(host: &str, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let fetch = |name| headers.get(HeaderName::from_static(name)).map(HeaderValue::as_bytes);
    let from_elsewhere =
        fetch("sec-fetch-site").is_some_and(|site| !matches!(site, b"same-origin" | b"none"));
    let is_navigation = fetch("sec-fetch-mode").is_some_and(|mode| mode == b"navigate")
        && fetch("sec-fetch-dest").is_none_or(|dest| dest == b"document");
    if from_elsewhere && !is_navigation {
        return true;
    }
    let Some(origin) = text(ORIGIN) else { return false };
    let asked = text(HOST).unwrap_or(host);
    let same = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(asked));
    !same
}

fn crumbs(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).map(str::trim)
}

fn is_ours(crumb: &str) -> bool {
    let name = crumb.split_once('=').map_or(crumb, |(name, _)| name).trim();
    [COOKIE_BY_TLS, COOKIE_PLAIN].contains(&name)
}

/// The passes among the cookies. There may be others of the name: only one has to be good.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    crumbs(headers)
        .filter(|crumb| is_ours(crumb))
        .filter_map(|crumb| crumb.split_once('='))
        .map(|it| it.1)
        .take(4)
}

fn without_cookie(headers: &mut HeaderMap) {
    if !crumbs(headers).any(is_ours) {
        return;
    }
    let left: Vec<&str> = crumbs(headers).filter(|crumb| !is_ours(crumb) && !crumb.is_empty()).collect();
    let left = left.join("; ");
    headers.remove(COOKIE);
    if !left.is_empty()
        && let Ok(left) = HeaderValue::try_from(left)
    {
        headers.insert(COOKIE, left);
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn nobody_is_sent_to_another_host() {
        for (asked, path) in [
            ("%2Fa%3Fb%3Dc%26d", "/a?b=c&d"),
            ("/a", "/a"),
            ("", "/"),
            ("//evil.example", "/"),
            ("%2F%2Fevil.example", "/"),
            ("/%5Cevil.example", "/"),
            ("https%3A%2F%2Fevil.example", "/"),
            ("%2Fa%0D%0Aset-cookie:x", "/"),
            ("%2F%09%2Fevil.example", "/"),
            ("%ff", "/"),
        ] {
            assert_eq!(own_path(asked), path, "{asked}");
        }
    }

    #[test]
    fn the_application_does_not_see_the_cookie() {
        for (sent, left) in [
            ("pierhead-visit=1", None),
            ("a=1; pierhead-visit=1; b=2", Some("a=1; b=2")),
            ("__Host-pierhead-visit=1;a=1", Some("a=1")),
            ("pierhead-visit", None),
            ("xpierhead-visit=1", Some("xpierhead-visit=1")),
        ] {
            let mut headers = headers(&[("cookie", sent)]);
            without_cookie(&mut headers);
            assert_eq!(headers.get(COOKIE).map(|it| it.to_str().unwrap()), left, "{sent}");
        }
    }

    #[test]
    fn what_another_hosts_page_asks_for_is_foreign() {
        for (lines, foreign) in [
            (&[][..], false),
            (&[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://x.test:8080")], false),
            (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
                true,
            ),
            (&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], true),
            (&[("origin", "http://y.test")], true),
            (&[("origin", "http://x.test")], true),
            (&[("origin", "null")], true),
        ] {
            let mut headers = headers(lines);
            headers.insert(HOST, HeaderValue::from_static("x.test:8080"));
            assert_eq!(is_foreign("x.test", &headers), foreign, "{lines:?}");
        }
    }

    #[test]
    fn caches_of_others_do_not_keep_what_is_protected() {
        let protected = LetIn { is_protected: true };
        for (said, after) in [
            ("public, max-age=31536000, immutable", "private, no-cache"),
            ("s-maxage=60", "private, no-cache"),
            ("no-store", "no-store"),
            ("private, max-age=60", "private, max-age=60"),
        ] {
            let mut marked = headers(&[("cache-control", said), ("cdn-cache-control", "max-age=60")]);
            protected.mark(&mut marked);
            assert_eq!(marked[CACHE_CONTROL], after);
            assert!(!marked.contains_key("cdn-cache-control"));
        }
        let mut open = headers(&[("cache-control", "public")]);
        LetIn { is_protected: false }.mark(&mut open);
        assert_eq!(open[CACHE_CONTROL], "public");
    }
}
