//! Fifty thousand routes: what a lookup and a change cost. The numbers are printed; the asserted bounds are generous, because
//! other work shares the machine.

use std::time::{Duration, Instant};

use crate::support::{TestIngress, service};
use crate::upstream::App;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_routes() {
    let app = App::start("A").await;
    let next = App::start("B").await;
    let mut ingress = TestIngress::start().await;
    let routes = |count: usize| {
        (0..count)
            .map(|number| {
                service(&format!("app-{number}.example.test"), &format!("1{number:09}"), &[app.address])
            })
            .collect::<Vec<_>>()
    };
    let mut cost = Vec::new();
    for count in [10, 50_000] {
        let began = Instant::now();
        ingress.table(routes(count)).await;
        let applied = began.elapsed();
        let mut visitor = ingress.visitor().await;
        let began = Instant::now();
        for number in 0..2000 {
            let host = format!("app-{}.example.test", number * 7919 % count % 10 * (count / 10));
            assert_eq!(visitor.get(&host, "/", &[]).await.status, 200);
        }
        cost.push(began.elapsed() / 2000);
        println!("{count} routes: table applied in {applied:?}, {:?} per request", cost.last().unwrap());
    }
    let mut changes = Vec::new();
    let mut visitor = ingress.visitor().await;
    for number in 0..200 {
        let host = format!("app-{}.example.test", number * 200);
        let began = Instant::now();
        ingress.change(vec![service(&host, &format!("2{number:09}"), &[next.address])], vec![]).await;
        changes.push(began.elapsed());
        assert_eq!(visitor.get(&host, "/", &[]).await.text(), "B");
    }
    changes.sort();
    println!("a change among 50,000: median {:?}, slowest {:?}", changes[100], changes[199]);
    assert!(changes[100] < Duration::from_millis(50));
}
