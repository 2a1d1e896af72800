//! What leaves the table finishes what it has begun, and then says so.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pierhead_wire::route::{Page, Target};

use crate::support::{TestIngress, eventually, host, route, service};
use crate::upstream::App;

#[tokio::test]
async fn requests_in_flight_finish_before_a_deployment_is_drained() {
    let (old, new) = (App::start("old").await, App::start("new").await);
    let mut ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[old.address])]).await;
    let mut slow = ingress.visitor().await;
    slow.send("GET /gate HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    eventually("the request is there", || old.state.waiting.load(Ordering::SeqCst) == 1).await;
    ingress.change(vec![service("x.test", "2bbbbbbbbb", &[new.address])], vec![]).await;
    assert_eq!(ingress.get("x.test", "/").await.text(), "new");
    assert!(ingress.drained.is_empty());
    // Everything that was said so far has been read: `Applied`, and nothing about draining.
    ingress.change(vec![], vec![]).await;
    assert!(ingress.drained.is_empty());
    old.state.gate.add_permits(1);
    assert_eq!(slow.answer(false).await.unwrap().text(), "old");
    ingress.drained("1aaaaaaaaa").await;
    eventually("no connection is left", || old.state.open.load(Ordering::SeqCst) == 0).await;
    // The very same connection of the visitor goes to the new one.
    assert_eq!(slow.get("x.test", "/", &[]).await.text(), "new");
}

#[tokio::test]
async fn the_drain_time_is_a_limit() {
    let old = App::start("old").await;
    let mut ingress =
        TestIngress::start_with(|options| options.drain_timeout = Duration::from_millis(50)).await;
    ingress.table(vec![service("x.test", "1aaaaaaaaa", &[old.address])]).await;
    let mut slow = ingress.visitor().await;
    slow.send("GET /gate HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    eventually("the request is there", || old.state.waiting.load(Ordering::SeqCst) == 1).await;
    ingress.change(vec![], vec![host("x.test")]).await;
    ingress.drained("1aaaaaaaaa").await;
}

#[tokio::test]
async fn idle_deployments_are_drained_at_once_and_one_that_has_another_route_is_not() {
    let app = App::start("A").await;
    let to = |name: &str| service(name, "1aaaaaaaaa", &[app.address]);
    let mut ingress = TestIngress::with(vec![to("x.test"), to("y.test")]).await;
    assert_eq!(ingress.get("x.test", "/").await.text(), "A");
    ingress.change(vec![], vec![host("x.test")]).await;
    ingress.change(vec![], vec![]).await;
    assert!(ingress.drained.is_empty());
    assert_eq!(ingress.get("y.test", "/").await.text(), "A");
    assert_eq!(app.state.connections.load(Ordering::SeqCst), 1, "the pool was kept");
    let page = Target::Page { page: Page::Stopped, deployment: Some("1aaaaaaaaa".parse().unwrap()) };
    ingress.change(vec![route("y.test", page)], vec![]).await;
    ingress.drained("1aaaaaaaaa").await;
    eventually("no connection is left", || app.state.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_deployment_that_comes_back_is_not_drained() {
    let app = App::start("A").await;
    let to = || vec![service("x.test", "1aaaaaaaaa", &[app.address])];
    let mut ingress = TestIngress::with(to()).await;
    let mut slow = ingress.visitor().await;
    slow.send("GET /gate HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    eventually("the request is there", || app.state.waiting.load(Ordering::SeqCst) == 1).await;
    ingress.change(vec![], vec![host("x.test")]).await;
    ingress.change(to(), vec![]).await;
    app.state.gate.add_permits(1);
    assert_eq!(slow.answer(false).await.unwrap().text(), "A");
    assert_eq!(ingress.get("x.test", "/").await.text(), "A");
    ingress.change(vec![], vec![]).await;
    assert!(ingress.drained.is_empty());
}

#[tokio::test]
async fn shutting_down_lets_requests_finish() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut idle = ingress.visitor().await;
    assert_eq!(idle.get("x.test", "/", &[]).await.text(), "A");
    let mut slow = ingress.visitor().await;
    slow.send("GET /gate HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    eventually("the request is there", || app.state.waiting.load(Ordering::SeqCst) == 1).await;
    let address = ingress.address();
    let stopping = tokio::spawn(ingress.handle.shutdown(Duration::from_secs(20)));
    assert!(idle.rest().await.is_empty(), "an idle connection is closed");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody is let in");
    app.state.gate.add_permits(1);
    assert_eq!(slow.answer(false).await.unwrap().text(), "A");
    stopping.await.unwrap();
}
