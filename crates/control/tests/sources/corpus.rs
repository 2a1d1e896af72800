//! Every example payload that GitHub publishes (`@octokit/webhooks-examples` 7.6.1, MIT), signed and sent.

use pierhead_control::Incoming;
use serde_json::Value;

use crate::world::{INSTALLATION, World, commit, github};

const PAYLOADS: &[u8] = include_bytes!("../payloads/github.json.zst");

fn payloads() -> Vec<(String, Value)> {
    let text = zstd::decode_all(PAYLOADS).unwrap();
    let events: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let mut payloads = Vec::new();
    for event in &events {
        let name = event["name"].as_str().unwrap();
        let examples = event["examples"].as_array().unwrap();
        payloads.extend(examples.iter().map(|example| (name.to_owned(), example.clone())));
    }
    payloads
}

#[tokio::test]
async fn every_published_payload_is_taken_or_ignored_as_its_kind_says() {
    let world = World::start().await;
    // The examples' own repository.
    world
        .project("hello-world", |settings| {
            let source = settings.source.as_mut().unwrap();
            source.repository =
                pierhead_model::source::RepositoryUrl::parse("https://github.com/Codertocat/Hello-World")
                    .unwrap();
            settings.triggers.branches = vec!["*".to_owned()];
            settings.triggers.pull_requests = false;
        })
        .await;
    world.repositories.set("github.com/codertocat/hello-world", "main", &commit(1));
    let payloads = payloads();
    assert!(payloads.len() > 300, "{}", payloads.len());
    let mut pushes = 0;
    for (number, (event, payload)) in payloads.iter().enumerate() {
        let body = payload.to_string();
        let headers = github(event, &format!("delivery-{number}"), INSTALLATION, body.as_bytes());
        let incoming = Incoming { provider: "github", project: None, headers, body: body.as_bytes() };
        let received = world.receive(incoming).await.unwrap();
        assert!(!received.duplicate && !received.outcome.is_empty(), "{event}: {received:?}");
        let reference = payload["ref"].as_str().unwrap_or_default();
        let moved = event == "push"
            && reference.starts_with("refs/heads/")
            && payload["deleted"] == false
            && payload["repository"]["clone_url"]
                .as_str()
                .is_some_and(|url| url.contains("Codertocat/Hello-World"));
        pushes += usize::from(moved);
        assert_eq!(!received.projects.is_empty(), moved, "{event} {reference}: {received:?}");
        if event == "ping" {
            assert_eq!(received.outcome, "pong");
        }
    }
    assert!(pushes > 0, "there are pushes of branches among them");
    world.stop().await;
}

/// Cut, doubled, emptied, with other types in their places: signed nonsense is answered, never a crash.
#[tokio::test]
async fn mangled_payloads_are_answered() {
    let world = World::start().await;
    for (number, (event, payload)) in payloads().into_iter().enumerate() {
        let mut mangled = payload.clone();
        for pointer in
            ["/ref", "/after", "/repository", "/pull_request/base", "/sender", "/repository/clone_url"]
        {
            if let Some(place) = mangled.pointer_mut(pointer) {
                *place = match number % 5 {
                    0 => Value::Null,
                    1 => serde_json::json!([[[]]]),
                    2 => serde_json::json!({ "": {} }),
                    3 => Value::from(u64::MAX),
                    _ => Value::from("\u{0}\u{202e}refs/heads/../../x"),
                };
            }
        }
        let body = mangled.to_string();
        let headers = github(&event, &format!("mangled-{number}"), INSTALLATION, body.as_bytes());
        let incoming = Incoming { provider: "github", project: None, headers, body: body.as_bytes() };
        world.receive(incoming).await.unwrap();
        let cut = &body.as_bytes()[..body.len() / 2];
        let headers = github(&event, &format!("cut-{number}"), INSTALLATION, cut);
        let incoming = Incoming { provider: "github", project: None, headers, body: cut };
        assert!(matches!(world.receive(incoming).await, Err(pierhead_control::Error::Validation(_))));
    }
    world.stop().await;
}
