//! The reverse proxy: what is passed on, what is not, and what happens when a service misbehaves.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{TestIngress, eventually, service};
use crate::upstream::{App, scripted};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn what_a_visitor_says_about_itself_is_not_believed() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let answer = ingress
        .get_with(
            "X.test:80",
            "/headers",
            &[
                ("X-Forwarded-For", "6.6.6.6"),
                ("X_Forwarded_For", "6.6.6.6"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Prefix", "/evil"),
                ("Forwarded", "for=6.6.6.6"),
                ("X-Real-IP", "6.6.6.6"),
                ("X-Request-Id", "mine"),
                ("Proxy", "http://evil"),
                ("Connection", "keep-alive, x-hop"),
                ("X-Hop", "1"),
                ("TE", "trailers, deflate"),
                ("Cookie", "a=1"),
            ],
        )
        .await;
    let text = answer.text();
    let id = answer.header("x-request-id").unwrap();
    for line in [
        "host: X.test:80",
        "cookie: a=1",
        "te: trailers",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: X.test:80",
        "x-forwarded-proto: http",
        &format!("x-request-id: {id}"),
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in {text}");
    }
    for absent in ["6.6.6.6", "evil", "mine", "x-hop", "connection", "forwarded-prefix"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    let answer = ingress.get("x.test", "/hop").await;
    assert!(answer.header("x-hop").is_none() && answer.header("keep-alive").is_none());
    assert_eq!(answer.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
}

#[tokio::test]
async fn connections_to_a_service_are_used_again() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut visitor = ingress.visitor().await;
    for _ in 0..20 {
        assert_eq!(visitor.get("x.test", "/", &[]).await.text(), "A");
        assert_eq!(
            visitor.ask("HEAD", "x.test", "/", &[]).await.unwrap().header("content-length"),
            Some("1")
        );
    }
    assert_eq!(app.state.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut visitor = ingress.visitor().await;
    let piece = vec![b'x'; 1 << 20];
    visitor
        .send(format!("POST /upload HTTP/1.1\r\nHost: x.test\r\nContent-Length: {}\r\n\r\n", 64 << 20))
        .await;
    for _ in 0..64 {
        visitor.send(&piece).await;
    }
    assert_eq!(visitor.answer(false).await.unwrap().text(), format!("A {}", 64 << 20));
    visitor.send("POST /echo HTTP/1.1\r\nHost: x.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    visitor.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(visitor.answer(false).await.unwrap().text(), "abcde");
}

#[tokio::test]
async fn an_event_arrives_when_it_happens() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor.send("GET /sse HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    visitor.head().await.unwrap();
    for number in 0..3 {
        assert_eq!(visitor.chunk().await.unwrap(), format!("data: {number}\n\n").into_bytes());
        app.state.gate.add_permits(1);
    }
}

#[tokio::test]
async fn a_body_is_asked_for_with_100_continue() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor
        .send("POST /echo HTTP/1.1\r\nHost: x.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await;
    assert_eq!(visitor.head().await.unwrap().0, 100);
    visitor.send("abc").await;
    assert_eq!(visitor.answer(false).await.unwrap().text(), "abc");
}

#[tokio::test]
async fn trailers_are_passed_on() {
    let (address, _, _task) = scripted(vec![
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n",
    ])
    .await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: x.test\r\nTE: trailers\r\nConnection: close\r\n\r\n").await;
    let text = String::from_utf8(visitor.rest().await).unwrap();
    assert!(text.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_service_that_closes_idle_connections_is_not_noticed() {
    // Each connection answers once and is then closed without a word.
    let (address, connections, _task) = scripted(vec![OK]).await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[address])]).await;
    let mut visitor = ingress.visitor().await;
    for _ in 0..200 {
        assert_eq!(visitor.get("x.test", "/", &[]).await.text(), "ok");
    }
    assert!(connections.load(Ordering::SeqCst) >= 200);
}

#[tokio::test]
async fn what_was_sent_and_may_have_been_done_is_not_sent_again() {
    // The second request over a connection is read and answered with a close.
    let (address, connections, _task) = scripted(vec![OK, ""]).await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[address])]).await;
    let mut visitor = ingress.visitor().await;
    assert_eq!(visitor.get("x.test", "/", &[]).await.status, 200);
    let post = visitor.ask("POST", "x.test", "/", &[("Content-Length", "0")]).await.unwrap();
    assert_eq!(post.status, 502);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    // A repeatable one goes over a new connection.
    assert_eq!(visitor.get("x.test", "/", &[]).await.status, 200);
    assert_eq!(visitor.get("x.test", "/", &[]).await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn failures_have_pages() {
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (garbage, _, _task) = scripted(vec!["what?\r\n\r\n"]).await;
    let (closing, _, _task2) = scripted(vec![""]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut ingress =
        TestIngress::start_with(|options| options.limits.answer_timeout = Duration::from_millis(100)).await;
    ingress
        .table(vec![
            service("refused.test", "1aaaaaaaaa", &[refused]),
            service("garbage.test", "2aaaaaaaaa", &[garbage]),
            service("closing.test", "3aaaaaaaaa", &[closing]),
            service("silent.test", "4aaaaaaaaa", &[silent.local_addr().unwrap()]),
            service("nobody.test", "5aaaaaaaaa", &[]),
        ])
        .await;
    for (name, status) in [
        ("refused.test", 502),
        ("garbage.test", 502),
        ("closing.test", 502),
        ("silent.test", 504),
        ("nobody.test", 502),
    ] {
        let answer = ingress.get(name, "/").await;
        assert_eq!(answer.status, status, "{name}");
        assert!(answer.text().contains(answer.header("x-request-id").unwrap()), "{name}");
    }
    assert_eq!(ingress.handle.counts().upstream_errors, 5);
}

#[tokio::test]
async fn another_endpoint_is_asked_when_one_is_gone() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (a, b) = (App::start("A").await, App::start("B").await);
    let ingress =
        TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[a.address, gone, b.address])]).await;
    let mut visitor = ingress.visitor().await;
    for _ in 0..30 {
        assert_eq!(visitor.get("x.test", "/", &[]).await.status, 200);
        let post = visitor.ask("POST", "x.test", "/", &[("Content-Length", "0")]).await.unwrap();
        assert_eq!(post.status, 200);
    }
    let (a, b) = (a.state.requests.load(Ordering::SeqCst), b.state.requests.load(Ordering::SeqCst));
    assert!(a > 10 && b > 10, "{a} {b}");
}

#[tokio::test]
async fn one_hanging_application_does_not_hinder_its_neighbour() {
    let (hanging, neighbour) = (App::start("A").await, App::start("B").await);
    let mut ingress = TestIngress::start_with(|options| options.limits.requests_per_deployment = 10).await;
    ingress
        .table(vec![
            service("a.test", "1aaaaaaaaa", &[hanging.address]),
            service("b.test", "2bbbbbbbbb", &[neighbour.address]),
        ])
        .await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let mut visitor = ingress.visitor().await;
        visitor.send("GET /gate HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        waiting.push(visitor);
    }
    eventually("all wait", || hanging.state.waiting.load(Ordering::SeqCst) == 10).await;
    let answer = ingress.get("a.test", "/").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(ingress.get("b.test", "/").await.text(), "B");
    hanging.state.gate.add_permits(10);
    for mut visitor in waiting {
        assert_eq!(visitor.answer(false).await.unwrap().status, 200);
    }
    assert_eq!(ingress.get("a.test", "/").await.text(), "A");
}

#[tokio::test]
async fn a_visitor_who_leaves_ends_the_request_at_the_service() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor.send("GET /sse HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    visitor.head().await.unwrap();
    drop(visitor);
    app.state.gate.add_permits(1000);
    eventually("the connection is closed", || app.state.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_service_that_breaks_off_breaks_the_visitors_answer_too() {
    let (address, _, _task) = scripted(vec!["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"]).await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    visitor.head().await.unwrap();
    assert!(visitor.take(100).await.is_none());
}

#[tokio::test]
async fn slow_visitors_are_shown_out() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::start_with(|options| {
        options.limits.header_timeout = Duration::from_millis(150);
        options.limits.idle_timeout = Duration::from_millis(400);
        options.limits.body_grace = Duration::from_millis(150);
        options.limits.write_timeout = Duration::from_millis(150);
    })
    .await;
    ingress.table(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;

    let began = Instant::now();
    let mut silent = ingress.visitor().await;
    assert!(silent.rest().await.is_empty());
    let mut trickling = ingress.visitor().await;
    let mut sent = 0;
    while trickling.stream.write_all(b"G").await.is_ok() && sent < 1000 {
        sent += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!((5..200).contains(&sent), "{sent}");

    let mut idle = ingress.visitor().await;
    assert_eq!(idle.get("x.test", "/", &[]).await.text(), "A");
    let answered = Instant::now();
    assert!(idle.rest().await.is_empty());
    assert!(answered.elapsed() >= Duration::from_millis(350), "an idle connection has longer");

    let mut slow_body = ingress.visitor().await;
    slow_body.send("POST /upload HTTP/1.1\r\nHost: x.test\r\nContent-Length: 100\r\n\r\nabc").await;
    assert_eq!(slow_body.answer(false).await.unwrap().status, 408);

    // Nothing of this concerns a request that is being answered.
    let mut patient = ingress.visitor().await;
    patient.send("GET /gate HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    app.state.gate.add_permits(1);
    assert_eq!(patient.answer(false).await.unwrap().text(), "A");
    assert!(began.elapsed() < Duration::from_secs(15));
}
