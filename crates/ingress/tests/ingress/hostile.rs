//! Requests that two programs could read differently, and paths that lead elsewhere. Two tenants share the ingress; nobody
//! may ever get what is the other's.

use std::sync::atomic::Ordering;

use crate::support::{TestIngress, service};
use crate::upstream::App;

async fn two_tenants() -> (TestIngress, App, App) {
    let (a, b) = (App::start("A").await, App::start("B").await);
    let ingress = TestIngress::with(vec![
        service("a.test", "1aaaaaaaaa", &[a.address]),
        service("b.test", "2bbbbbbbbb", &[b.address]),
    ])
    .await;
    (ingress, a, b)
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_nothing_behind_them_is_read() {
    let (ingress, a, b) = two_tenants().await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: b.test\r\n\r\n";
    for head in [
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5, 6\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\n\tfolded: 1\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX\0: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\rX: 1\r\n\r\n",
        "GET / HTTP/1.1\nHost: a.test\n\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a.test\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ] {
        let mut visitor = ingress.visitor().await;
        visitor.send(format!("{head}{hidden}")).await;
        if let Some(answer) = visitor.answer(false).await {
            assert!((400..600).contains(&answer.status), "{head:?} {answer:?}");
        }
        assert!(visitor.answer(false).await.is_none_or(|answer| answer.status >= 400), "{head:?}");
        assert_eq!(a.state.requests.load(Ordering::SeqCst), 0, "{head:?}");
        assert_eq!(b.state.requests.load(Ordering::SeqCst), 0, "{head:?}");
    }
    assert_eq!(a.state.requests.load(Ordering::SeqCst), 0);
    assert_eq!(ingress.get("a.test", "/").await.text(), "A");
}

#[tokio::test]
async fn what_is_ambiguous_inside_a_chunked_body_ends_the_connection() {
    let (ingress, _a, b) = two_tenants().await;
    for body in [
        "5;\n\r\nabcde\r\n0\r\n\r\n",
        "0x5\r\nabcde\r\n0\r\n\r\n",
        "-5\r\nabcde\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc",
        "5\r\nabcdeX\r\n0\r\n\r\n",
        "zz\r\n",
    ] {
        let mut visitor = ingress.visitor().await;
        let head = "POST /echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        visitor.send(format!("{head}{body}GET /hidden HTTP/1.1\r\nHost: b.test\r\n\r\n")).await;
        visitor.answer(false).await;
        assert!(visitor.answer(false).await.is_none_or(|answer| answer.status >= 400), "{body:?}");
        assert_eq!(b.state.requests.load(Ordering::SeqCst), 0, "{body:?}");
    }
}

#[tokio::test]
async fn bytes_after_an_answer_never_reach_another_visitor() {
    // A service that sends more than it announced: the rest must not become somebody else's answer.
    let (address, connections, _task) = crate::upstream::scripted(vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ])
    .await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[address])]).await;
    for _ in 0..5 {
        assert_eq!(ingress.get("x.test", "/").await.text(), "ok");
    }
    assert!(connections.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn large_heads_are_refused() {
    let (ingress, a, _b) = two_tenants().await;
    for request in [
        format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "x".repeat(40_000)),
        format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "x".repeat(70_000)),
        format!("GET / HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "X: 1\r\n".repeat(200)),
    ] {
        let mut visitor = ingress.visitor().await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut visitor.stream, request.as_bytes()).await;
        let status = visitor.answer(false).await.map_or(400, |answer| answer.status);
        assert!((400..500).contains(&status), "{status}");
    }
    assert_eq!(a.state.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_so_many_header_fields_are_taken() {
    for limit in [10, 100, 200] {
        let mut ingress = TestIngress::start_with(|options| options.limits.header_count = limit).await;
        let site = ingress.site("a.test", "1aaaaaaaaa", &[("index.html", "home")]);
        ingress.table(vec![site]).await;
        for (fields, status) in [(limit - 1, 200), (limit, 431)] {
            let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "X: 1\r\n".repeat(fields));
            let mut visitor = ingress.visitor().await;
            visitor.send(request).await;
            assert_eq!(visitor.answer(false).await.unwrap().status, status, "{limit} {fields}");
        }
    }
}

#[tokio::test]
async fn all_clients_together_get_only_so_many_connections() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::start_with(|options| options.limits.connections = 2).await;
    ingress.table(vec![service("a.test", "1aaaaaaaaa", &[app.address])]).await;
    let (mut first, mut second) = (ingress.visitor().await, ingress.visitor().await);
    for visitor in [&mut first, &mut second] {
        assert_eq!(visitor.get("a.test", "/", &[]).await.status, 200);
    }
    let mut refused = ingress.visitor().await;
    assert!(refused.ask("GET", "a.test", "/", &[]).await.is_none());
    assert_eq!(first.get("a.test", "/", &[]).await.status, 200, "those who are in are served on");
}

#[tokio::test]
async fn one_client_gets_only_so_many_connections() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::start_with(|options| options.limits.connections_per_client = 3).await;
    ingress.table(vec![service("a.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut visitor = ingress.visitor().await;
        assert_eq!(visitor.get("a.test", "/", &[]).await.status, 200);
        held.push(visitor);
    }
    let mut refused = ingress.visitor().await;
    assert!(refused.ask("GET", "a.test", "/", &[]).await.is_none());
    held.pop();
    crate::support::eventually("a place is free", || ingress.handle.counts().connections == 2).await;
    assert_eq!(ingress.get("a.test", "/").await.status, 200);
}

#[tokio::test]
async fn no_path_leads_out_of_a_site() {
    let mut ingress = TestIngress::start().await;
    let site = ingress.site(
        "s.test",
        "1aaaaaaaaa",
        &[
            ("index.html", "home"),
            (".git/config", "secret"),
            (".env", "secret"),
            ("a/.htpasswd", "secret"),
            ("_redirects", "/secret-rule /"),
            ("_headers", "/secret-rule\n X-A: 1"),
            ("a;/x.txt", "fine"),
            (".well-known/security.txt", "fine"),
        ],
    );
    ingress.table(vec![site]).await;
    for path in [
        "/.git/config",
        "/%2egit/config",
        "//.git/config",
        "/.env",
        "/%2Eenv",
        "/a/.htpasswd",
        "/_redirects",
        "/%5fredirects",
        "/_headers",
        "/../.env",
        "/a/../.env",
        "/%2e%2e/.env",
        "/..%2f.env",
        "/%252e%252e/.env",
        "/a/..;/.env",
        "/\\..\\.env",
        "/%5c..%5c.env",
        "/%00",
        "/.env%00.html",
        "/%c0%ae%c0%ae/.env",
        "/.well-known/../.env",
        "/a/./b",
        "/%",
        "/%f",
        "/index.html%00",
        "/etc/passwd",
    ] {
        let answer = ingress.get("s.test", path).await;
        assert!(matches!(answer.status, 400 | 404), "{path} {}", answer.status);
        assert!(!answer.text().contains("secret"), "{path}");
    }
    for path in ["/a;/x.txt", "/.well-known/security.txt"] {
        assert_eq!(ingress.get("s.test", path).await.text(), "fine", "{path}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_nobody_else() {
    let app = App::start("A").await;
    let said = [("X-Forwarded-For", "1.1.1.1, 203.0.113.9, 127.0.0.7"), ("X-Forwarded-Proto", "https")];
    for (trusted, client, scheme) in
        [(vec!["127.0.0.0/8".parse().unwrap()], "203.0.113.9", "https"), (vec![], "127.0.0.1", "http")]
    {
        let mut ingress = TestIngress::start_with(|options| options.trusted_proxies = trusted).await;
        ingress.table(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
        let answer = ingress.get_with("x.test", "/headers", &said).await;
        for expected in [format!("x-forwarded-for: {client}"), format!("x-forwarded-proto: {scheme}")] {
            assert!(answer.text().lines().any(|line| line == expected), "{expected}: {}", answer.text());
        }
        assert_eq!(answer.header("strict-transport-security").is_some(), scheme == "https");
    }
}
