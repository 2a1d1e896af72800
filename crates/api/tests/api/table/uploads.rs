//! Whoever may not send a file is told so before any of it is read.

use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;
use futures::stream;

use super::world::World;
use super::{EVERYBODY, Expected, Rule, expected};

#[tokio::test]
async fn what_may_not_be_sent_is_not_read() {
    let world = World::start().await;
    let place = world.place().await;
    let path = format!("/api/v1/projects/{}/uploads/files/{}", place.project, "0".repeat(64));
    for who in EVERYBODY {
        let Expected::Refused(status) = expected(Rule::WriteProject, who) else { continue };
        // It never comes to its end: reading any of it would wait for ever.
        let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::builder()
            .method("PUT")
            .uri(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", world.token(who)));
        let answer = world.platform.send(request.body(endless).unwrap());
        let answer = tokio::time::timeout(std::time::Duration::from_secs(30), answer).await;
        assert_eq!(answer.expect("an answer without a body").status.as_u16(), status, "{who:?}");
    }
    world.stop().await;
}
