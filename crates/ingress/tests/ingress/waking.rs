//! Services that sleep: requests are held, one asks for all, and nobody is turned away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pierhead_model::sleep::Rest;
use pierhead_wire::IngressToControl;
use pierhead_wire::route::{Page, Target};
use tokio::task::JoinSet;

use crate::client::Visitor;
use crate::support::{TestIngress, asleep, route, service};
use crate::tunnels::{echo, websocket};
use crate::upstream::App;

const ID: &str = "1aaaaaaaaa";
const VISITORS: usize = 50;

fn wake() -> IngressToControl {
    IngressToControl::Wake { deployment: ID.parse().unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_wait_for_one_wake() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::with(vec![asleep("x.test", ID, &[], Rest::Stopped)]).await;
    let address = ingress.address();
    let mut visitors = JoinSet::new();
    for number in 0..VISITORS {
        visitors.spawn(async move {
            let mut visitor = Visitor::connect(address).await;
            let body = if number % 2 == 0 { "" } else { "body" };
            let length = body.len();
            let method = if number % 2 == 0 { "GET" } else { "POST" };
            visitor
                .send(format!(
                    "{method} / HTTP/1.1\r\nHost: x.test\r\nContent-Length: {length}\r\n\r\n{body}"
                ))
                .await;
            visitor.answer(false).await.expect("the connection broke")
        });
    }
    assert_eq!(ingress.said().await, wake());
    crate::support::eventually("all of them wait", || ingress.handle.counts().connections == VISITORS as u64)
        .await;
    // What is said next is that the change was applied: nobody asked a second time.
    ingress.change(vec![service("x.test", ID, &[app.address])], vec![]).await;
    while let Some(answer) = visitors.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "A"));
    }
    assert_eq!(app.state.requests.load(Ordering::SeqCst), VISITORS);
    assert_eq!(ingress.handle.counts().answers[5], 0);
}

#[tokio::test]
async fn a_frozen_service_is_asked_at_once_and_again_after_it_slept_again() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::with(vec![asleep("x.test", ID, &[app.address], Rest::Frozen)]).await;
    for _ in 0..3 {
        assert_eq!(ingress.get("x.test", "/").await.text(), "A");
        assert_eq!(ingress.get("x.test", "/").await.text(), "A");
        assert_eq!(ingress.said().await, wake());
        ingress.change(vec![service("x.test", ID, &[app.address])], vec![]).await;
        ingress.change(vec![asleep("x.test", ID, &[app.address], Rest::Frozen)], vec![]).await;
    }
}

#[tokio::test]
async fn what_is_in_flight_wakes_a_service_that_falls_asleep() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::with(vec![service("x.test", ID, &[app.address])]).await;
    let mut socket = websocket(&ingress, "x.test").await;
    assert!(echo(&mut socket, "x").await);
    // An open tunnel is activity, second after second.
    for _ in 0..2 {
        let IngressToControl::Active { deployments } = ingress.said_of_all().await else {
            panic!("activity")
        };
        assert_eq!(deployments, [ID.parse().unwrap()]);
    }
    ingress.generation += 1;
    let change = pierhead_wire::ControlToIngress::Change {
        epoch: 1,
        from: ingress.generation - 1,
        generation: ingress.generation,
        upserts: vec![asleep("x.test", ID, &[app.address], Rest::Frozen)],
        removals: vec![],
    };
    ingress.control.send(change).await.unwrap();
    assert_eq!(ingress.said().await, wake(), "before it says that it applied the change");
    ingress.applied().await;
    assert!(echo(&mut socket, "y").await, "a switch of depth ends nothing");
}

#[tokio::test]
async fn a_websocket_waits_for_the_wake_too() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::with(vec![asleep("x.test", ID, &[], Rest::Stopped)]).await;
    let address = ingress.address();
    let connecting = tokio::spawn(async move {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio_tungstenite::client_async("ws://x.test/ws", stream).await.unwrap().0
    });
    assert_eq!(ingress.said().await, wake());
    ingress.change(vec![service("x.test", ID, &[app.address])], vec![]).await;
    let mut socket = connecting.await.unwrap();
    assert!(echo(&mut socket, "hello").await);
}

#[tokio::test]
async fn a_page_for_browsers_first_and_an_answer_for_everybody_in_the_end() {
    let mut ingress = TestIngress::start_with(|options| {
        options.limits.wake_page_after = Duration::from_millis(50);
        options.limits.wake_timeout = Duration::from_millis(300);
    })
    .await;
    ingress.table(vec![asleep("x.test", ID, &[], Rest::Stopped)]).await;
    let begun = std::time::Instant::now();
    let browser = ingress.get_with("x.test", "/", &[("Accept", "text/html,*/*")]).await;
    let shown_after = begun.elapsed();
    assert_eq!(browser.status, 503);
    assert!(browser.text().contains("waking up") && browser.text().contains("http-equiv=\"refresh\""));
    let begun = std::time::Instant::now();
    let program = ingress.get_with("x.test", "/", &[("Accept", "application/json")]).await;
    assert_eq!((program.status, program.header("retry-after")), (503, Some("2")));
    assert!(begun.elapsed() >= Duration::from_millis(300) && shown_after < Duration::from_millis(300));
}

#[tokio::test]
async fn no_more_wait_than_may_be_answered_and_who_waits_learns_what_became_of_it() {
    let mut ingress = TestIngress::start_with(|options| options.limits.requests_per_deployment = 1).await;
    ingress.table(vec![asleep("x.test", ID, &[], Rest::Stopped)]).await;
    let mut waiting = ingress.visitor().await;
    waiting.send("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    assert_eq!(ingress.said().await, wake());
    let refused = ingress.get("x.test", "/").await;
    assert!(refused.status == 503 && refused.text().contains("busy"), "{}", refused.text());
    let page = Target::Page { page: Page::Offline, deployment: Some(ID.parse().unwrap()) };
    ingress.change(vec![route("x.test", page)], vec![]).await;
    let answer = waiting.answer(false).await.unwrap();
    assert!(answer.status == 503 && answer.text().contains("offline"), "{}", answer.text());
}
