//! Hostnames that are not for everybody: who is let in by what, what the application sees of it, and how often one may come.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use argon2::password_hash::PasswordHasher as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_model::sleep::Rest;
use pierhead_model::visitors::{Access, RateLimit};
use pierhead_wire::IngressToControl;
use pierhead_wire::pass::{PassKey, Use};
use pierhead_wire::route::{Gate, Route, Rules};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::client::Answer;
use crate::support::{TestIngress, asleep, service};
use crate::tunnels::echo;
use crate::upstream::App;

const ID: &str = "1aaaaaaaaa";
const PAGE: (&str, &str) = ("accept", "text/html");

fn key(host: &str) -> String {
    let mut bytes = [7; 32];
    bytes[0] = host.as_bytes()[0];
    BASE64.encode(bytes)
}

fn pass(host: &str, used_as: Use, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let nonce = std::array::from_fn(|_| rand_byte());
    PassKey::from_base64(&key(host)).unwrap().issue(used_as, i64::try_from(now).unwrap() + seconds, &nonce)
}

fn rand_byte() -> u8 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0) as u8
}

fn guarded(mut route: Route, access: Access) -> Route {
    let hash = |text: &str| argon2::Argon2::default().hash_password(text.as_bytes()).unwrap().to_string();
    let gate = Gate {
        access,
        sign_in: "https://console.test/visit".to_owned(),
        key: key(route.host.as_str()),
        passwords: BTreeMap::from([("review".to_owned(), hash("open sesame"))]),
    };
    route.rules = Some(Box::new(Rules { gate: Some(gate), ..Rules::default() }));
    route
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{name}:{password}")))
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_may_see_the_project_signs_in_once_and_the_application_sees_nothing_of_it() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![
        guarded(service("x.test", ID, &[app.address]), Access::Team),
        guarded(service("y.test", ID, &[app.address]), Access::Team),
    ])
    .await;
    let sent = ingress.get_with("x.test:8080", "/a?b=c", &[PAGE]).await;
    assert_eq!(sent.status, 303);
    assert_eq!(
        sent.header("location"),
        Some("https://console.test/visit?host=x%2Etest&path=%2Fa%3Fb%3Dc"),
        "by name and path only: neither a port nor a scheme is the visitor's to say"
    );
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    let program = ingress.get("x.test", "/a").await;
    assert_eq!((program.status, program.header("www-authenticate")), (401, Some("Bearer realm=\"x.test\"")));

    let ticket = pass("x.test", Use::Ticket, 60);
    let entrance = format!("/.well-known/pierhead/visit?ticket={ticket}&to=%2Fheaders%3Fb%3Dc");
    let back = ingress.get_with("x.test", &entrance, &[PAGE]).await;
    assert_eq!((back.status, back.header("location")), (303, Some("/headers?b=c")));
    let set = back.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Domain"), "{set}");
    assert_eq!(ingress.get_with("x.test", &entrance, &[PAGE]).await.status, 403, "a ticket opens once");
    let cookie = cookie_of(&back);
    let sent_along = format!("a=1; {cookie}; b=2");
    let seen = ingress.get_with("x.test", "/headers?b=c", &[("cookie", sent_along.as_str())]).await;
    assert_eq!(seen.status, 200);
    assert!(seen.text().contains("cookie: a=1; b=2"), "{}", seen.text());
    assert!(!seen.text().contains("phv1"), "{}", seen.text());
    assert_eq!(seen.header("cache-control"), Some("private, no-cache"));
    assert_eq!(
        ingress.get_with("y.test", "/", &[("cookie", cookie.as_str())]).await.status,
        401,
        "another host"
    );

    let bearer = format!("Bearer {}", pass("x.test", Use::Bearer, 60));
    let seen = ingress.get_with("x.test", "/headers", &[("authorization", &bearer)]).await;
    assert!(seen.status == 200 && !seen.text().contains("authorization"), "{}", seen.text());
    assert_eq!(app.state.requests.load(Ordering::SeqCst), 2, "nobody else reached it");
}

#[tokio::test]
async fn what_is_over_of_another_use_or_somebody_elses_opens_nothing() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![guarded(service("x.test", ID, &[app.address]), Access::Team)]).await;
    let cookie = |pass: String| ("cookie", format!("pierhead-visit={pass}"));
    let bearer = |pass: String| ("authorization", format!("Bearer {pass}"));
    for (header, value) in [
        cookie(pass("x.test", Use::Cookie, -1)),
        cookie(pass("x.test", Use::Ticket, 60)),
        cookie(pass("x.test", Use::Bearer, 60)),
        cookie(pass("y.test", Use::Cookie, 60)),
        cookie(String::new()),
        bearer(pass("x.test", Use::Cookie, 60)),
        bearer("phv1.".to_owned()),
        // The passwords of the project are for hosts that ask for a password.
        ("authorization", basic("review", "open sesame")),
    ] {
        let answer = ingress.get_with("x.test", "/", &[(header, value.as_str())]).await;
        assert_eq!(answer.status, 401, "{header}: {value}");
    }
    for ticket in
        [pass("x.test", Use::Ticket, -1), pass("x.test", Use::Cookie, 60), pass("y.test", Use::Ticket, 60)]
    {
        let entrance = format!("/.well-known/pierhead/visit?ticket={ticket}&to=%2F");
        let answer = ingress.get("x.test", &entrance).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{ticket}");
    }
    let evil =
        format!("/.well-known/pierhead/visit?ticket={}&to=%2F%2Fevil.test", pass("x.test", Use::Ticket, 60));
    assert_eq!(ingress.get("x.test", &evil).await.header("location"), Some("/"), "no open redirection");
    assert_eq!(app.state.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn pages_of_other_hosts_cannot_use_a_visitors_cookie() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![guarded(service("x.test", ID, &[app.address]), Access::Team)]).await;
    let cookie = format!("pierhead-visit={}", pass("x.test", Use::Cookie, 60));
    for (lines, status) in [
        (vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], 403),
        (vec![("origin", "https://evil.test")], 403),
        (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], 200),
        (vec![("origin", "http://x.test")], 200),
    ] {
        let mut sent = lines.clone();
        sent.push(("cookie", &cookie));
        assert_eq!(ingress.get_with("x.test", "/", &sent).await.status, status, "{lines:?}");
    }
    // A WebSocket is not held back by what browsers call the same site.
    for (origin, opens) in [("http://x.test", true), ("http://evil.test", false)] {
        let mut request = "ws://x.test/ws".into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let stream = TcpStream::connect(ingress.address()).await.unwrap();
        match client_async(request, stream).await {
            Ok((mut socket, _)) => assert!(opens && echo(&mut socket, "hello").await, "{origin}"),
            Err(error) => assert!(!opens, "{origin}: {error}"),
        }
    }
    let stream = TcpStream::connect(ingress.address()).await.unwrap();
    assert!(client_async("ws://x.test/ws", stream).await.is_err(), "a stranger");
}

#[tokio::test]
async fn a_password_opens_and_guessing_is_slow() {
    let app = App::start("A").await;
    let ingress =
        TestIngress::with(vec![guarded(service("x.test", ID, &[app.address]), Access::Password)]).await;
    let asked = ingress.get_with("x.test", "/", &[PAGE]).await;
    assert_eq!(asked.status, 401);
    assert_eq!(asked.header("www-authenticate"), Some("Basic realm=\"x.test\", charset=\"UTF-8\""));
    let right = basic("review", "open sesame");
    for _ in 0..30 {
        let seen = ingress.get_with("x.test", "/headers", &[("authorization", &right)]).await;
        assert!(seen.status == 200 && !seen.text().contains("authorization"), "{}", seen.text());
        assert_eq!(seen.header("cache-control"), Some("private, no-cache"));
    }
    let cookie = format!("pierhead-visit={}", pass("x.test", Use::Cookie, 60));
    assert_eq!(ingress.get_with("x.test", "/", &[("cookie", &cookie)]).await.status, 200, "the team too");
    let reached = app.state.requests.load(Ordering::SeqCst);
    let mut statuses = Vec::new();
    for number in 0..25 {
        let name = if number % 2 == 0 { "review" } else { "nobody" };
        let guess = basic(name, &format!("guess {number}"));
        let answer = ingress.get_with("x.test", "/", &[("authorization", &guess)]).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
        }
        statuses.push(answer.status);
    }
    // One of the twenty went to the right one; a slow machine gives some back meanwhile.
    let hashed = statuses.iter().filter(|status| **status == 401).count();
    assert!((19..25).contains(&hashed), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    let again = ingress.get_with("x.test", "/", &[("authorization", &right)]).await;
    assert_eq!(again.status, 200, "who is known is not kept out by who guesses");
    assert_eq!(app.state.requests.load(Ordering::SeqCst), reached + 1);
}

#[tokio::test]
async fn caches_before_keep_what_is_for_everybody_and_nothing_else() {
    let mut ingress = TestIngress::start().await;
    let files = [("index.html", "front"), ("assets/index-DiwrgTda.js", "hashed")];
    let cached = |mut route: Route| {
        route.rules.get_or_insert_default().is_cached_before = true;
        route
    };
    let open = cached(ingress.site("x.test", ID, &files));
    let closed = cached(guarded(ingress.site("y.test", ID, &files), Access::Team));
    let plain = ingress.site("z.test", ID, &files);
    ingress.table(vec![open, closed, plain]).await;
    let cookie = format!("pierhead-visit={}", pass("y.test", Use::Cookie, 60));
    for (host, path, kept) in [
        ("x.test", "/", Some("public, max-age=86400")),
        // It says itself that it may be kept for ever.
        ("x.test", "/assets/index-DiwrgTda.js", None),
        ("x.test", "/none", None),
        ("y.test", "/", None),
        ("z.test", "/", None),
    ] {
        let answer = ingress.get_with(host, path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.header("cloudflare-cdn-cache-control"), kept, "{host}{path}: {answer:?}");
    }
}

#[tokio::test]
async fn strangers_wake_nothing() {
    let mut ingress = TestIngress::with(vec![
        guarded(asleep("x.test", ID, &[], Rest::Stopped), Access::Team),
        asleep("y.test", "2bbbbbbbbb", &[], Rest::Stopped),
    ])
    .await;
    assert_eq!(ingress.get("x.test", "/").await.status, 401);
    let mut visitor = ingress.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: y.test\r\n\r\n").await;
    // The first that is said is about the other one.
    assert_eq!(ingress.said().await, IngressToControl::Wake { deployment: "2bbbbbbbbb".parse().unwrap() });
}

#[tokio::test]
async fn too_many_requests_of_one_address_are_refused_and_others_are_not() {
    let app = App::start("A").await;
    let mut route = service("x.test", ID, &[app.address]);
    let rate_limit = Some(RateLimit { per_minute: 6, burst: Some(3) });
    route.rules = Some(Box::new(Rules { rate_limit, ..Rules::default() }));
    let mut ingress =
        TestIngress::start_with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
            .await;
    ingress.table(vec![route.clone(), service("y.test", ID, &[app.address])]).await;
    let from = |client: &'static str| [("x-forwarded-for", client)];
    for _ in 0..3 {
        assert_eq!(ingress.get_with("x.test", "/", &from("192.0.2.1")).await.status, 200);
    }
    let refused = ingress.get_with("x.test", "/", &from("192.0.2.1")).await;
    assert_eq!(refused.status, 429);
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((9..=11).contains(&wait), "{wait}");
    assert_eq!(ingress.get_with("x.test", "/", &from("192.0.2.2")).await.status, 200);
    assert_eq!(ingress.get_with("y.test", "/", &from("192.0.2.1")).await.status, 200);
    // A switch does not begin the count anew.
    let mut switched = service("x.test", "2bbbbbbbbb", &[app.address]);
    switched.rules = route.rules;
    ingress.change(vec![switched], vec![]).await;
    assert_eq!(ingress.get_with("x.test", "/", &from("192.0.2.1")).await.status, 429);
}

#[tokio::test]
async fn a_project_says_how_long_a_browser_waits_for_a_service() {
    let mut route = asleep("x.test", ID, &[], Rest::Stopped);
    route.rules = Some(Box::new(Rules { wake_page_after_s: Some(0), ..Rules::default() }));
    let ingress = TestIngress::with(vec![route]).await;
    let page = ingress.get_with("x.test", "/", &[PAGE]).await;
    assert!(page.status == 503 && page.text().contains("waking up"), "{}", page.text());
}
