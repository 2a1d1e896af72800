//! Which host gets what, and what is said about the others.

use pierhead_ingress::Counts;
use pierhead_wire::route::{Page, Target};
use pierhead_wire::{ControlToIngress, IngressToControl};

use crate::support::{TestIngress, host, route, service};
use crate::upstream::App;

#[tokio::test]
async fn a_host_is_matched_exactly_however_it_is_written() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("app.a", "1aaaaaaaaa", &[app.address])]).await;
    for name in ["app.a", "APP.A", "app.a.", "app.a:443", "App.A.:80"] {
        let answer = ingress.get(name, "/").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "A"), "{name}");
    }
    for name in ["a.b.app.a", "localhost", "127.0.0.1", "[::1]:80", "app.b", "pp.a"] {
        let answer = ingress.get(name, "/").await;
        assert_eq!(answer.status, 404, "{name}");
        assert!(answer.text().contains("nothing at this address"), "{name}");
    }
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.a\r\nHost: app.a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.a\r\nHost: app.b\r\n\r\n",
        "GET http://169.254.169.254/ HTTP/1.1\r\nHost: app.a\r\n\r\n",
        "GET http://app.a@app.b/ HTTP/1.1\r\nHost: app.a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.a, app.b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.a/\r\n\r\n",
        "CONNECT app.a:80 HTTP/1.1\r\nHost: app.a:80\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: app.a\r\n\r\n",
    ] {
        let mut visitor = ingress.visitor().await;
        visitor.send(request).await;
        assert_eq!(visitor.answer(false).await.unwrap().status, 400, "{request}");
    }
    let mut visitor = ingress.visitor().await;
    visitor.send("GET http://APP.a/headers?x=1 HTTP/1.1\r\nHost: app.a\r\n\r\n").await;
    assert!(visitor.answer(false).await.unwrap().text().starts_with("GET /headers?x=1\n"));
}

#[tokio::test]
async fn pages_say_what_happened_to_people_and_to_programs() {
    let mut ingress =
        TestIngress::start_with(|options| options.console_url = Some("https://console.test".into())).await;
    let answer = ingress.get("x.test", "/").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "before the first table");
    let pages = [
        ("starting", Page::Starting, 503, Some("2")),
        ("failed", Page::Failed, 503, None),
        ("offline", Page::Offline, 503, Some("30")),
        ("stopped", Page::Stopped, 404, None),
    ];
    let routes = pages.iter().map(|(name, page, ..)| {
        route(&format!("{name}.test"), Target::Page { page: *page, deployment: None })
    });
    ingress.table(routes.collect()).await;
    for (name, _, status, retry_after) in pages {
        let name = format!("{name}.test");
        let answer = ingress.get(&name, "/any/path").await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, retry_after), "{name}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let id = answer.header("x-request-id").unwrap();
        assert!(answer.text().contains(id) && !answer.text().contains("http://"), "{}", answer.text());
        let json = ingress.get_with(&name, "/", &[("Accept", "application/json")]).await;
        assert_eq!(json.header("content-type"), Some("application/problem+json"));
        let json: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(json["status"], status);
    }
}

#[tokio::test]
async fn nothing_older_is_applied_and_a_gap_asks_for_the_table() {
    let (a, b) = (App::start("A").await, App::start("B").await);
    let to = |app: &App, id: &str| service("x.test", id, &[app.address]);
    let mut ingress = TestIngress::start().await;
    ingress.generation = 4;
    ingress.table(vec![to(&a, "1aaaaaaaaa")]).await;
    let older = ControlToIngress::Table { epoch: 1, generation: 4, routes: vec![to(&b, "2bbbbbbbbb")] };
    let previous_epoch = ControlToIngress::Table { epoch: 0, generation: 9, routes: vec![] };
    let gap = ControlToIngress::Change {
        epoch: 1,
        from: 7,
        generation: 8,
        upserts: vec![],
        removals: vec![host("x.test")],
    };
    for message in [older, previous_epoch, gap] {
        ingress.control.send(message).await.unwrap();
    }
    assert_eq!(ingress.said().await, IngressToControl::WantTable);
    assert_eq!(ingress.get("x.test", "/").await.text(), "A");
    ingress.change(vec![to(&b, "2bbbbbbbbb"), service("y.test", "2bbbbbbbbb", &[b.address])], vec![]).await;
    assert_eq!(ingress.get("x.test", "/").await.text(), "B");
    assert_eq!(ingress.get("y.test", "/").await.text(), "B");
    ingress.change(vec![], vec![host("x.test")]).await;
    assert_eq!(ingress.get("x.test", "/").await.status, 404);
    assert_eq!(ingress.get("y.test", "/").await.text(), "B");
}

#[tokio::test]
async fn serves_on_when_the_control_plane_is_gone() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let TestIngress { handle, control, .. } = ingress;
    drop(control);
    for _ in 0..3 {
        let mut visitor = crate::client::Visitor::connect(handle.local_addr()).await;
        assert_eq!(visitor.get("x.test", "/", &[]).await.text(), "A");
    }
}

#[tokio::test]
async fn counts_and_logs_what_was_answered() {
    let (sender, mut log) = tokio::sync::mpsc::channel(16);
    let app = App::start("hello").await;
    let mut ingress = TestIngress::start_with(|options| options.access_log = Some(sender)).await;
    ingress.table(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor.get("x.test", "/a?b=c", &[]).await;
    visitor.get("x.test", "/status", &[]).await;
    visitor.get("nobody.test", "/", &[]).await;
    let first = log.recv().await.unwrap();
    assert_eq!((first.path.as_str(), first.status.as_u16(), first.bytes), ("/a?b=c", 200, 5));
    assert_eq!((first.host().unwrap().as_str(), first.request_id.len()), ("x.test", 16));
    assert_eq!(log.recv().await.unwrap().status.as_u16(), 418);
    let counts = ingress.handle.counts_of(&host("x.test")).unwrap();
    assert_eq!(counts, Counts { answers: [0, 0, 1, 0, 1, 0], bytes: 5, ..Counts::default() });
    crate::support::eventually("all is counted", || ingress.handle.counts().answers == [0, 0, 1, 0, 2, 0])
        .await;
}
