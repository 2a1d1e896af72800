//! Streams: logs as server-sent events, events over a WebSocket, on real sockets.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tower::ServiceExt as _;

use crate::platform::Platform;

const LIMIT: Duration = Duration::from_secs(20);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves the router on a port of its own; ends with the test.
pub(crate) async fn served(platform: &Platform) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = platform.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

pub(crate) async fn connect(address: &str, headers: &[(&str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/api/v1/events?after=0").into_client_request().unwrap();
    for (name, value) in headers {
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The next event, or the code the server closed with.
pub(crate) async fn next(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match tokio::time::timeout(LIMIT, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn events_are_told_to_who_is_signed_in() {
    let platform = Platform::start().await;
    let address = served(&platform).await;
    let bearer = format!("Bearer {}", platform.token);
    let deploy = json!({ "repository": "https://example.com/team/shop" });
    let id = platform.call("POST", "/deployments", Some(deploy)).await.json()["id"].clone();

    let mut with_header = connect(&address, &[("authorization", &bearer)]).await.unwrap();
    let own_page = format!("http://{address}");
    let mut with_message = connect(&address, &[("origin", &own_page)]).await.unwrap();
    let introduction = json!({ "token": platform.token }).to_string();
    with_message.send(Message::text(introduction)).await.unwrap();
    for socket in [&mut with_header, &mut with_message] {
        let event = next(socket).await.unwrap();
        assert_eq!((&event["type"], &event["deployment"]), (&json!("deployment.queued"), &id));
    }
    platform.call("POST", &format!("/deployments/{}/cancel", id.as_str().unwrap()), None).await;
    let event = next(&mut with_header).await.unwrap();
    assert_eq!((&event["type"], &event["reason"]), (&json!("deployment.failed"), &json!("cancelled")));

    for message in [json!({ "token": "wrong" }), json!({ "tokn": platform.token }), json!(7)] {
        let mut stranger = connect(&address, &[]).await.unwrap();
        stranger.send(Message::text(message.to_string())).await.unwrap();
        assert_eq!(next(&mut stranger).await, Err(4401), "{message}");
    }
    assert_eq!(connect(&address, &[("authorization", "Bearer x")]).await.err(), Some(401));
    let foreign = [("authorization", &*bearer), ("origin", "https://evil.example.com")];
    assert_eq!(connect(&address, &foreign).await.err(), Some(403));
    platform.stop().await;
}

async fn streamed(platform: &Platform, id: &str, last: Option<&str>) -> axum::response::Response {
    let mut request = Request::get(format!("/api/v1/deployments/{id}/logs/stream"))
        .header(header::AUTHORIZATION, format!("Bearer {}", platform.token));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    platform.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_log_is_followed_to_the_end_of_its_deployment() {
    let platform = Platform::start().await;
    let deploy = json!({ "repository": "https://example.com/team/shop" });
    let accepted = platform.call("POST", "/deployments", Some(deploy)).await.json();
    let id = accepted["id"].as_str().unwrap();
    let response = streamed(&platform, id, None).await;
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-cache, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    platform.call("POST", &format!("/deployments/{id}/cancel"), None).await;
    let body = tokio::time::timeout(LIMIT, response.into_body().collect()).await.unwrap().unwrap();
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    assert!(text.starts_with("retry: 2000\n\n"), "{text}");
    assert!(text.ends_with("event: end\ndata: FAILED\n\n"), "{text}");
    assert_eq!(streamed(&platform, id, Some("minus one")).await.status(), 400);
    let resumed = streamed(&platform, id, Some("7")).await.into_body().collect();
    let resumed = tokio::time::timeout(LIMIT, resumed).await.unwrap().unwrap().to_bytes();
    assert!(resumed.ends_with(b"event: end\ndata: FAILED\n\n"));
    platform.stop().await;
}
