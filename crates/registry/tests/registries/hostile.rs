//! Answers that nobody means well with, and registries that have a bad day.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use pierhead_registry::{Access, Limits, Registry, RegistryError, Transport};

use crate::stub::{Stub, json, limits, loopback_only, reply, repository, tags, transport};

async fn refused(
    answer: impl Fn(&crate::stub::Seen) -> axum::response::Response + Send + Sync + 'static,
) -> RegistryError {
    let stub = Stub::start(answer).await;
    stub.registry().tags(&repository()).await.unwrap_err()
}

#[tokio::test]
async fn redirects_lead_to_no_address_that_was_not_judged() {
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[fd00:ec2::254]/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
    ] {
        let error = refused(move |_| reply(302, &[("location", location)], "")).await;
        assert!(matches!(error, RegistryError::AddressRefused { .. }), "{location}: {error}");
    }
    for location in ["file:///etc/passwd", "gopher://127.0.0.1/", "http://u:p@127.0.0.1/", "http://", "//"] {
        let error = refused(move |_| reply(302, &[("location", location)], "")).await;
        assert!(matches!(error, RegistryError::RedirectRefused { .. }), "{location}: {error}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_as_registry_redirect_and_token_server() {
    // The filter of a real install: loopback is not public.
    let strict = Transport::new(|address: std::net::IpAddr| !address.is_loopback(), limits(), None).unwrap();
    for name in ["localhost:1", "127.0.0.1:1", "[::1]:1"] {
        let access = Access { plain_http: true, ..Access::anonymous(name.parse().unwrap()) };
        let error = Registry::new(&strict, access).unwrap().tags(&repository()).await.unwrap_err();
        assert!(matches!(error, RegistryError::AddressRefused { .. }), "{name}: {error}");
    }
    let realm = "Bearer realm=\"http://169.254.169.254/token\"";
    let error = refused(move |_| reply(401, &[("www-authenticate", realm)], "")).await;
    assert!(matches!(error, RegistryError::AddressRefused { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let stub = Stub::start(|seen| reply(302, &[("location", &format!("{}x", seen.path))], "")).await;
    let error = stub.registry().tags(&repository()).await.unwrap_err();
    assert!(matches!(error, RegistryError::RedirectRefused { .. }), "{error}");
    assert_eq!(stub.seen().len(), 6);
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let piece = Bytes::from_static(&[b' '; 64 * 1024]);
    let endless = move || {
        let piece = piece.clone();
        Body::from_stream(futures::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone())))
    };
    let body = endless.clone();
    let error = refused(move |_| json(body())).await;
    assert!(matches!(error, RegistryError::TooLarge { what: "tags", .. }), "{error}");
    // As an error's body it is only cut.
    let body = endless.clone();
    let error = refused(move |_| reply(403, &[], body())).await;
    assert!(matches!(error, RegistryError::RepositoryNotFound { .. }), "{error}");
    // As a token.
    let error = refused(move |seen| {
        if seen.path == "/token" {
            return json(endless());
        }
        let realm = format!("Bearer realm=\"http://{}/token\"", seen.header("host"));
        reply(401, &[("www-authenticate", &realm)], "")
    })
    .await;
    assert!(matches!(error, RegistryError::TooLarge { what: "token", .. }), "{error}");
}

#[tokio::test]
async fn a_small_answer_that_unpacks_into_a_large_one_is_not_unpacked() {
    // 64 MiB of spaces, in gzip.
    let packed = {
        use std::io::Write as _;
        let child = std::process::Command::new("gzip")
            .arg("-9")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let mut child = child.expect("gzip is in every system");
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(&vec![b' '; 64 << 20]));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        Bytes::from(output.stdout)
    };
    assert!(packed.len() < 100_000);
    let error = refused(move |_| reply(200, &[("content-encoding", "gzip")], packed.clone())).await;
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let began = Instant::now();
    let error =
        refused(|_| json(Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>())))
            .await;
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn endless_chains_of_pages_end() {
    let number = AtomicUsize::new(0);
    let stub = Stub::start(move |_| {
        let next = number.fetch_add(1, Ordering::SeqCst);
        let link = format!("</v2/acme/api/tags/list?last={next}>; rel=\"next\"");
        reply(200, &[("link", &link)], tags([format!("v{next}")]))
    })
    .await;
    let list = stub.registry().tags(&repository()).await.unwrap();
    assert!(list.truncated);
    assert_eq!((stub.seen().len(), list.tags.len()), (20, 20));

    // A page that leads to itself.
    let stub = Stub::start(|_| {
        reply(200, &[("link", "</v2/acme/api/tags/list?last=a>; rel=\"next\"")], tags(["a"]))
    })
    .await;
    let list = stub.registry().tags(&repository()).await.unwrap();
    assert_eq!((list.tags.len(), stub.seen().len()), (1, 2));

    // More tags than are read.
    let few = Transport::new(loopback_only, Limits { tags: 3, ..limits() }, None).unwrap();
    let stub = Stub::start(|_| json(tags(["a", "b", "c", "d"]))).await;
    let list = Registry::new(&few, stub.access()).unwrap().tags(&repository()).await.unwrap();
    assert!(list.truncated && list.tags.len() == 3);
}

#[tokio::test]
async fn what_is_no_registry_is_told() {
    for (status, kind, body) in [
        (200, "text/html", "<!doctype html><p>Welcome to nginx!"),
        (404, "text/html", "<h1>Not Found</h1>"),
        (200, "application/json", "[]"),
        (204, "text/plain", ""),
        (418, "text/plain", "teapot"),
    ] {
        let error = refused(move |_| reply(status, &[("content-type", kind)], body)).await;
        assert!(matches!(error, RegistryError::NotARegistry { .. }), "{status} {body}: {error}");
    }
    for (status, body) in [(200, "<!doctype html><p>Welcome to nginx!"), (404, "nothing"), (405, "")] {
        let stub = Stub::start(move |_| reply(status, &[], body)).await;
        let error = stub.registry().ping().await.unwrap_err();
        assert!(matches!(error, RegistryError::NotARegistry { .. }), "{status} {body}: {error}");
    }
    let error = refused(|_| reply(401, &[("www-authenticate", "Negotiate")], "")).await;
    assert!(matches!(error, RegistryError::NotARegistry { .. }), "{error}");
    let error = refused(|_| reply(401, &[], "")).await;
    assert!(matches!(error, RegistryError::NotARegistry { .. }), "{error}");
}

#[tokio::test]
async fn what_it_may_not_be_asked_is_told_apart_from_what_is_not_there() {
    let code = |status: u16, code: &'static str| {
        move |_: &crate::stub::Seen| reply(status, &[], format!("{{\"errors\":[{{\"code\":\"{code}\"}}]}}"))
    };
    assert!(matches!(refused(code(404, "NAME_UNKNOWN")).await, RegistryError::RepositoryNotFound { .. }));
    // Without credentials there is no telling which.
    assert!(matches!(refused(code(403, "DENIED")).await, RegistryError::RepositoryNotFound { .. }));
    let stub = Stub::start(code(403, "DENIED")).await;
    let error = stub.registry_as("ann", "x").tags(&repository()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn a_bad_moment_is_waited_out_and_a_bad_day_is_not() {
    for status in [429, 500, 502, 503, 504] {
        let asked = AtomicUsize::new(0);
        let stub = Stub::start(move |_| {
            if asked.fetch_add(1, Ordering::SeqCst) < 2 {
                return reply(status, &[("retry-after", "0")], "");
            }
            json(tags(["1"]))
        })
        .await;
        assert_eq!(stub.registry().tags(&repository()).await.unwrap().tags.len(), 1, "{status}");
        assert_eq!(stub.seen().len(), 3);
    }
    let stub = Stub::start(|_| reply(503, &[], "")).await;
    let error = stub.registry().tags(&repository()).await.unwrap_err();
    assert!(matches!(error, RegistryError::ServerFault { status: 503, .. }), "{error}");
    assert_eq!(stub.seen().len(), 3, "its share of attempts");
}

#[tokio::test]
async fn a_limit_with_a_long_wait_is_told_at_once() {
    let began = Instant::now();
    let stub = Stub::start(|_| reply(429, &[("retry-after", "3600")], "")).await;
    let error = stub.registry().tags(&repository()).await.unwrap_err();
    assert_eq!(
        error,
        RegistryError::RateLimited {
            registry: stub.name().to_string(),
            retry_after: Some(Duration::from_secs(3600))
        }
    );
    assert_eq!(stub.seen().len(), 1);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_no_name_is_unresolved() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for (name, expected) in
        [(format!("127.0.0.1:{port}"), "unreachable"), ("nowhere.invalid".to_owned(), "unresolved")]
    {
        let access = Access { plain_http: true, ..Access::anonymous(name.parse().unwrap()) };
        let error = Registry::new(&transport(), access).unwrap().ping().await.unwrap_err();
        assert_eq!(error.name(), expected, "{error}");
    }
}

#[tokio::test]
async fn plain_http_is_not_spoken_to_what_expects_tls_and_the_other_way_round() {
    let stub = Stub::start(|_| json("{}")).await;
    let access = Access { plain_http: false, ..stub.access() };
    let error = Registry::new(&transport(), access).unwrap().ping().await.unwrap_err();
    assert!(matches!(error, RegistryError::Tls { .. }), "{error}");
}
