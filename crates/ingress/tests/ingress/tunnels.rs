//! WebSockets, and other things that stop being HTTP.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{TestIngress, host, service};
use crate::upstream::{App, scripted};

pub(crate) async fn websocket(ingress: &TestIngress, name: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(ingress.address()).await.unwrap();
    client_async(format!("ws://{name}/ws"), stream).await.unwrap().0
}

pub(crate) async fn echo(socket: &mut WebSocketStream<TcpStream>, text: &str) -> bool {
    socket.send(Message::text(text)).await.is_ok()
        && matches!(socket.next().await, Some(Ok(message)) if message.to_text().is_ok_and(|back| back == text))
}

#[tokio::test]
async fn websockets_go_through() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut socket = websocket(&ingress, "x.test").await;
    let long = "x".repeat(200_000);
    for text in ["hello", &long, ""] {
        assert!(echo(&mut socket, text).await);
    }
}

#[tokio::test]
async fn a_websocket_outlives_a_switch_and_ends_with_the_drain_time() {
    let (old, new) = (App::start("old").await, App::start("new").await);
    let mut ingress =
        TestIngress::start_with(|options| options.drain_timeout = Duration::from_millis(400)).await;
    ingress.table(vec![service("x.test", "1aaaaaaaaa", &[old.address])]).await;
    let mut socket = websocket(&ingress, "x.test").await;
    assert!(echo(&mut socket, "before").await);
    ingress.change(vec![service("x.test", "2bbbbbbbbb", &[new.address])], vec![]).await;
    assert!(echo(&mut socket, "after").await);
    assert!(ingress.drained.is_empty());
    ingress.drained("1aaaaaaaaa").await;
    assert!(!echo(&mut socket, "later").await);
}

#[tokio::test]
async fn a_closed_websocket_lets_its_deployment_go() {
    let app = App::start("A").await;
    let mut ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut socket = websocket(&ingress, "x.test").await;
    assert!(echo(&mut socket, "x").await);
    ingress.change(vec![], vec![host("x.test")]).await;
    drop(socket);
    ingress.drained("1aaaaaaaaa").await;
}

#[tokio::test]
async fn nothing_is_tunnelled_before_the_service_agrees() {
    let app = App::start("A").await;
    let ingress = TestIngress::with(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    // The service answers `/` as always; what follows must reach nobody.
    let mut visitor = ingress.visitor().await;
    let upgrade = "GET / HTTP/1.1\r\nHost: x.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    visitor.send(format!("{upgrade}GET /headers HTTP/1.1\r\nHost: x.test\r\n\r\n")).await;
    assert_eq!(visitor.answer(false).await.unwrap().text(), "A");
    assert!(visitor.answer(false).await.is_none());
    assert_eq!(app.state.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn another_http_is_not_tunnelled_and_an_unasked_switch_is_an_error() {
    let app = App::start("A").await;
    let (switching, _, _task) =
        scripted(vec!["HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"]).await;
    let ingress = TestIngress::with(vec![
        service("x.test", "1aaaaaaaaa", &[app.address]),
        service("y.test", "2bbbbbbbbb", &[switching]),
    ])
    .await;
    let answer = ingress
        .get_with(
            "x.test",
            "/headers",
            &[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "x")],
        )
        .await;
    assert!(
        !answer.text().contains("upgrade") && !answer.text().contains("http2-settings"),
        "{}",
        answer.text()
    );
    assert_eq!(ingress.get("y.test", "/").await.status, 502);
}
