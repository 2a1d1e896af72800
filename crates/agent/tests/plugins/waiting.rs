//! `wait-for`: real sockets, and names that only a deployment's network knows.

use std::time::Duration;

use pierhead_agent::steps::end;
use pierhead_agent::steps::service::{self, Check, Started};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::harness::Harness;

const PLUGIN: &str = "wait-for";

/// Answers each connection with the next of these, then with the last for ever.
async fn serve(listener: TcpListener, answers: &[&str]) {
    let mut next = 0;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _read = stream.read(&mut request).await;
        let _written = stream.write_all(answers[next].as_bytes()).await;
        next = (next + 1).min(answers.len() - 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_waited_for_comes_or_does_not() {
    let harness = Harness::new(14).await;
    let host = &harness.host;

    // A port that nobody listens on yet, on the gateway's own address: taken, given back, and taken again later.
    let listener = TcpListener::bind((host.as_str(), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let late = async {
        let asked = || harness.lab.memory.printed().iter().any(|line| line.contains("no connection"));
        while !asked() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let listener = TcpListener::bind((host.as_str(), port)).await.unwrap();
        serve(listener, &[""]).await;
    };
    let parameters = json!({"tcp": format!("{host}:{port}"), "interval_s": 0.1});
    let waiting = harness.create(PLUGIN, &parameters);
    tokio::select! {
        outputs = waiting => assert!(outputs["attempts"].as_u64().unwrap() > 1, "{outputs:?}"),
        () = late => unreachable!("it serves for ever"),
    }

    let listener = TcpListener::bind((host.as_str(), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let not_ready = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
    let answers = [not_ready, "SSH-2.0\r\n", "HTTP/1.1 301 Moved\r\n\r\n"];
    let serving = serve(listener, &answers);
    let parameters = json!({"http": format!("http://{host}:{port}/health?a=b"), "interval_s": 0.1});
    tokio::select! {
        outputs = harness.create(PLUGIN, &parameters) => assert_eq!(outputs["attempts"], 3),
        () = serving => unreachable!("it serves for ever"),
    }
    let printed = harness.lab.memory.printed().join("\n");
    assert!(printed.contains("it answered 503") && printed.contains("it does not speak HTTP"), "{printed}");

    // A name is resolved by the engine's own name server.
    let check = Check::Tcp { port: 8000 };
    let mut web = harness.lab.service("web", &harness.runtime().await, check);
    web.entrypoint = Some(["python3", "-m", "http.server", "8000"].map(str::to_owned).into());
    let started = service::start(&harness.lab.context, &web, &CancellationToken::new()).await.unwrap();
    assert!(matches!(started, Started::Healthy(_)), "{started:?} {:?}", harness.lab.memory.printed());
    harness.create(PLUGIN, &json!({"http": "http://web:8000/"})).await;
    harness.create(PLUGIN, &json!({"tcp": "web:8000"})).await;
    end::remove(&harness.lab.context, &web.container()).await.unwrap();

    let told =
        harness.refused(PLUGIN, &json!({"tcp": "nowhere:1", "wait_s": 0.3, "interval_s": 0.1}), 69).await;
    assert!(told.contains("nowhere:1 was not there within 0.3 s: the name is not known"), "{told}");
    for bad in [
        json!({}),
        json!({"tcp": "web"}),
        json!({"http": "https://web"}),
        json!({"tcp": "a:1", "wait_s": -1}),
    ] {
        harness.refused(PLUGIN, &bad, 64).await;
    }
    harness.sweep().await;
}
