//! What git asks for: its routes are in no document, and follow the same rules.

use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::world::World;
use super::{EVERYBODY, Expected, Rule, expected};

/// There is nothing that takes pushes here: that is as far as anybody comes.
const GOOD: u16 = 503;

#[tokio::test]
async fn pushing_as_the_table_says() {
    let world = World::start().await;
    let place = world.place().await;
    let mut differences = Vec::new();
    for (method, path, rule) in [
        ("GET", "info/refs?service=git-receive-pack", Rule::ReadProject),
        ("POST", "git-receive-pack", Rule::WriteProject),
    ] {
        for who in EVERYBODY {
            let mut request =
                Request::builder().method(method).uri(format!("/git/{}.git/{path}", place.project));
            let token = world.token(who);
            if !token.is_empty() {
                let basic = STANDARD.encode(format!("git:{token}"));
                request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
            }
            let answer = world.platform.send(request.body(Body::empty()).unwrap()).await;
            let expected = match expected(rule, who) {
                Expected::Allowed => GOOD,
                Expected::Refused(status) => status,
            };
            if answer.status.as_u16() != expected {
                differences.push(format!("{method} {path} by {who:?}: {}, not {expected}", answer.status));
            }
        }
    }
    world.stop().await;
    assert!(differences.is_empty(), "{differences:#?}");
}
