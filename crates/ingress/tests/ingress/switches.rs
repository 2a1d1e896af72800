//! Zero downtime: fifty switches under load, and not one request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::client::Visitor;
use crate::support::{TestIngress, service};
use crate::tunnels::{echo, websocket};
use crate::upstream::App;

const SWITCHES: usize = 50;

fn id(number: usize) -> String {
    format!("1{number:09}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_service_is_switched() {
    let first = App::start("v0").await;
    let mut ingress = TestIngress::with(vec![service("x.test", &id(0), &[first.address])]).await;
    let address = ingress.address();
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut load = JoinSet::new();
    for kind in 0..6 {
        let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
        load.spawn(async move {
            let mut visitor = Visitor::connect(address).await;
            while !stop.load(Ordering::SeqCst) {
                let answer = match kind {
                    0 => {
                        // A connection for each request.
                        visitor = Visitor::connect(address).await;
                        visitor.ask("GET", "x.test", "/", &[("Connection", "close")]).await
                    }
                    1 => {
                        let body = "y".repeat(70_000);
                        let head = "POST /upload HTTP/1.1\r\nHost: x.test\r\nContent-Length: 70000\r\n\r\n";
                        visitor.send(format!("{head}{body}")).await;
                        visitor.answer(false).await
                    }
                    2 => visitor.ask("POST", "x.test", "/", &[("Content-Length", "0")]).await,
                    _ => visitor.ask("GET", "x.test", "/", &[]).await,
                };
                let answer = answer.expect("the connection broke");
                assert_eq!(answer.status, 200, "{}", answer.text());
                assert!(answer.text().starts_with('v'));
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let mut socket = websocket(&ingress, "x.test").await;
    // What was replaced keeps running until it is drained, and not a moment longer.
    let mut running = vec![(id(0), first)];
    for number in 1..=SWITCHES {
        let next = App::start(&format!("v{number}")).await;
        ingress.change(vec![service("x.test", &id(number), &[next.address])], vec![]).await;
        running.push((id(number), next));
        running.retain(|(id, _)| !ingress.drained.contains(&id.parse().unwrap()));
        let before = answered.load(Ordering::SeqCst);
        crate::support::eventually("requests go on", || answered.load(Ordering::SeqCst) > before + 20).await;
        assert!(echo(&mut socket, &format!("ping {number}")).await, "the WebSocket broke");
        assert_eq!(ingress.get("x.test", "/").await.text(), format!("v{number}"));
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(worker) = load.join_next().await {
        worker.unwrap();
    }
    drop(socket);
    for number in 0..SWITCHES {
        ingress.drained(&id(number)).await;
    }
    assert_eq!(ingress.handle.counts().answers[5], 0);
    println!("{} requests during {SWITCHES} switches", answered.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_sees_one_site_or_the_other() {
    let mut ingress = TestIngress::start().await;
    let site = |ingress: &TestIngress, number: usize| {
        let (page, script) = (format!("<script src=/assets/a-{number:08x}f.js>"), format!("v{number}"));
        let name = format!("assets/a-{number:08x}f.js");
        ingress.site("s.test", &id(number), &[("index.html", &page), (&name, &script), ("same.txt", &script)])
    };
    let first = site(&ingress, 0);
    ingress.table(vec![first]).await;
    let address = ingress.address();
    let stop = Arc::new(AtomicBool::new(false));
    let seen: Vec<Arc<AtomicUsize>> = (0..4).map(|_| Arc::default()).collect();
    let mut load = JoinSet::new();
    for seen in &seen {
        let (stop, seen) = (Arc::clone(&stop), Arc::clone(seen));
        load.spawn(async move {
            let mut visitor = Visitor::connect(address).await;
            while !stop.load(Ordering::SeqCst) {
                let page = visitor.get("s.test", "/", &[]).await;
                assert_eq!(page.status, 200);
                let page = page.text();
                let script = page.trim_start_matches("<script src=").trim_end_matches('>');
                // The page's script is there even when the site was switched in between.
                let answer = visitor.get("s.test", script, &[]).await;
                assert_eq!(answer.status, 200, "{script}");
                let number = usize::from_str_radix(&script[10..18], 16).unwrap();
                assert_eq!(answer.text(), format!("v{number}"));
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for number in 1..=SWITCHES {
        let next = site(&ingress, number);
        ingress.change(vec![next], vec![]).await;
        // By each of them: who is several switches behind may find that a script is gone.
        let before: Vec<usize> = seen.iter().map(|seen| seen.load(Ordering::SeqCst)).collect();
        crate::support::eventually("pages are read", || {
            seen.iter().zip(&before).all(|(seen, before)| seen.load(Ordering::SeqCst) > before + 1)
        })
        .await;
        assert_eq!(ingress.get("s.test", "/same.txt").await.text(), format!("v{number}"));
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(worker) = load.join_next().await {
        worker.unwrap();
    }
    for number in 0..SWITCHES {
        ingress.drained(&id(number)).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_stays_keeps_its_connections() {
    let (a, b) = (App::start("A").await, App::start("B").await);
    let mut ingress = TestIngress::with(vec![service("x.test", &id(1), &[a.address])]).await;
    let mut visitor = ingress.visitor().await;
    visitor.get("x.test", "/", &[]).await;
    ingress.change(vec![service("x.test", &id(1), &[a.address, b.address])], vec![]).await;
    for _ in 0..10 {
        visitor.get("x.test", "/", &[]).await;
    }
    assert_eq!(a.state.connections.load(Ordering::SeqCst), 1);
    assert_eq!(b.state.connections.load(Ordering::SeqCst), 1);
    ingress.change(vec![service("x.test", &id(1), &[b.address])], vec![]).await;
    crate::support::eventually("A has no connection", || a.state.open.load(Ordering::SeqCst) == 0).await;
    assert!(ingress.drained.is_empty());
}
