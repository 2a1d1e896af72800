//! Webhooks that Pierhead makes at a service: made once, tried out, and taken away again, whoever is out of reach meanwhile.

use std::time::{Duration, Instant};

use pierhead_control::{Error, NewLink, Reach};
use pierhead_testkit::GitHub;
use serde_json::json;

use crate::github::{app, described};
use crate::world::World;

fn by_token(github: &GitHub, login: &str) -> NewLink {
    NewLink {
        provider: "github".to_owned(),
        token: Some(github.personal_token(login).into()),
        api_url: Some(format!("{}/api/v3", github.url)),
    }
}

async fn until_gone(github: &GitHub) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !github.hooks().is_empty() {
        assert!(Instant::now() < deadline, "{:#?}", github.hooks());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_webhook_is_made_with_a_token_once_and_taken_away_again() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    github.repository("acme/shop", &["main"], &["ada"], &["bob"]);
    world.project_at(&github, &ada, "shop", "acme/shop").await;
    let refused = world.connect(&ada, "shop", by_token(&github, "bob")).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden { .. }), "{refused}");
    world.connect(&ada, "shop", by_token(&github, "ada")).await.unwrap();
    let sources = &world.services.sources;
    sources.make_hook(&ada, "shop").await.unwrap();
    // Made anew, there is one all the same.
    sources.make_hook(&ada, "shop").await.unwrap();
    let hooks = github.hooks();
    assert_eq!(hooks.len(), 1, "{hooks:#?}");
    let config = &hooks[0]["config"];
    assert_eq!(config["url"], "http://127.0.0.1:8400/api/v1/hooks/github/shop");
    // Signed with its secret, it is one of the project's.
    let payload =
        json!({ "zen": "Keep it logically awesome.", "repository": github.payload_of("acme/shop") })
            .to_string();
    let headers = crate::world::github("ping", "p-1", config["secret"].as_str().unwrap(), payload.as_bytes());
    let incoming = pierhead_control::Incoming {
        provider: "github",
        project: Some("shop"),
        headers,
        body: payload.as_bytes(),
    };
    assert_eq!(world.receive(incoming).await.unwrap().outcome, "pong");
    assert!(sources.get(&ada, "shop").await.unwrap().link.unwrap().webhook);
    sources.disconnect(&ada, "shop").await.unwrap();
    until_gone(&github).await;
    assert!(described(&github).contains("DELETE /repos/{owner}/{repo}/hooks/{hook_id}"));
    world.stop().await;
}

#[tokio::test]
async fn a_webhook_goes_when_its_project_does_even_if_its_service_is_away_meanwhile() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    github.repository("acme/shop", &["main"], &["ada"], &[]);
    world.project_at(&github, &ada, "shop", "acme/shop").await;
    world.connect(&ada, "shop", by_token(&github, "ada")).await.unwrap();
    world.services.sources.make_hook(&ada, "shop").await.unwrap();
    github.answer_instead(502, &[], "Bad Gateway");
    world.services.projects.delete(&ada, "shop").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while github.answers_instead() > 0 {
        assert!(Instant::now() < deadline, "nobody tried");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let gone = world.services.projects.get(&ada, "shop").await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    assert_eq!(github.hooks().len(), 1);
    // Five seconds later it is asked again.
    until_gone(&github).await;
    world.stop().await;
}

#[tokio::test]
async fn a_check_says_why_webhooks_do_not_arrive() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    github.repository("acme/shop", &["main"], &["ada"], &[]);
    world.project_at(&github, &ada, "shop", "acme/shop").await;
    let sources = &world.services.sources;
    let check = async || {
        let found = sources.check(&ada, "shop").await.unwrap();
        (found.reach, found.detail)
    };
    let (reach, said) = check().await;
    assert!(reach == Reach::Unknown && said.contains("not connected"), "{said}");
    world.connect(&ada, "shop", by_token(&github, "ada")).await.unwrap();
    let (reach, said) = check().await;
    assert!(reach == Reach::Unreached && said.contains("There is no webhook at GitHub"), "{said}");
    sources.make_hook(&ada, "shop").await.unwrap();
    // Nobody listens where the webhook goes: GitHub says so.
    let (reach, said) = check().await;
    assert!(reach == Reach::Unreached && said.contains("failed to connect to host"), "{said}");
    // Somebody took it away at GitHub.
    github.forget_hooks();
    let (reach, said) = check().await;
    assert!(reach == Reach::Unreached && said.contains("gone at GitHub"), "{said}");
    github.answer_instead(429, &[("retry-after", "30")], "slow down");
    let (reach, said) = check().await;
    assert!(reach == Reach::Unknown && said.contains("left alone for 30 s"), "{said}");
    let used = described(&github);
    for operation in [
        "POST /repos/{owner}/{repo}/hooks/{hook_id}/pings",
        "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries",
    ] {
        assert!(used.contains(operation), "{operation}: {used:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_check_of_an_app_says_what_became_of_what_it_sent() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    let shop = github.repository("acme/shop", &["main"], &["ada"], &[]);
    github.install("acme", &[shop]);
    world.services.github.set_app(&ada, app(&github)).await.unwrap();
    world.connect_account(&github, &ada, "ada").await;
    world.project_at(&github, &ada, "shop", "acme/shop").await;
    let through_app = NewLink { provider: "github_app".to_owned(), token: None, api_url: None };
    world.connect(&ada, "shop", through_app).await.unwrap();
    let check = async || {
        let found = world.services.sources.check(&ada, "shop").await.unwrap();
        (found.reach, found.detail)
    };
    github.app_hook("https://elsewhere.example.com/hooks");
    let (reach, said) = check().await;
    assert!(
        reach == Reach::Unreached && said.contains("goes to https://elsewhere.example.com/hooks"),
        "{said}"
    );
    github.app_hook("http://127.0.0.1:8400/api/v1/hooks/github");
    let (reach, said) = check().await;
    assert!(reach == Reach::Unknown && said.contains("sent nothing yet"), "{said}");
    github.app_sent("Invalid HTTP Response: 401", 401);
    let (reach, said) = check().await;
    assert!(reach == Reach::Unreached && said.contains("The secret is another"), "{said}");
    github.app_sent("OK", 202);
    let (reach, said) = check().await;
    assert!(reach == Reach::Reached && said.contains("`push`"), "{said}");
    let used = described(&github);
    assert!(used.contains("GET /app/hook/config") && used.contains("GET /app/hook/deliveries"), "{used:?}");
    world.stop().await;
}
