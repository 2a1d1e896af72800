//! What becomes of a deployment is told where its repository is: in order, once, and again when nobody listened.

use std::time::{Duration, Instant};

use pierhead_control::NewLink;
use pierhead_testkit::GitHub;
use serde_json::{Value, json};

use crate::github::{app, described};
use crate::world::{World, commit};

/// A world with a project that is connected, and an agent.
async fn connected() -> (World, GitHub) {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    world.services.github.set_app(&ada, app(&github)).await.unwrap();
    let shop = github.repository("acme/shop", &["main"], &["ada"], &[]);
    github.install("acme", &[shop]);
    world.connect_account(&github, &ada, "ada").await;
    world.project_at(&github, &ada, "shop", "acme/shop").await;
    let new = NewLink { provider: "github_app".to_owned(), token: None, api_url: None };
    world.connect(&ada, "shop", new).await.unwrap();
    (world, github)
}

async fn until(what: &str, wanted: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !wanted() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn place(github: &GitHub) -> String {
    format!("{}/acme/shop", github.authority())
}

async fn push(world: &World, github: &GitHub, number: u64) {
    world.repositories.set(&place(github), "main", &commit(number));
    let payload = json!({
        "ref": "refs/heads/main", "after": commit(number), "repository": github.payload_of("acme/shop"),
        "head_commit": { "id": commit(number), "message": "Change the shop" }, "sender": { "login": "ada" },
    });
    world.send("push", &format!("push-{number}"), &payload).await;
}

/// The last state of a commit.
fn state_of(github: &GitHub, number: u64) -> Option<(String, String)> {
    let statuses = github.statuses();
    let last = statuses.iter().rev().find(|it| it["sha"] == commit(number))?;
    let text = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
    Some((text("context"), text("state")))
}

fn is(context: &str, state: &str) -> Option<(String, String)> {
    Some((context.to_owned(), state.to_owned()))
}

#[tokio::test]
async fn a_push_is_followed_there_until_it_is_live_and_replaced() {
    let (world, github) = connected().await;
    world.attach_agent();
    push(&world, &github, 1).await;
    until("live", || state_of(&github, 1) == is("pierhead/shop", "success")).await;
    until("its deployment", || github.deployments().len() == 1).await;
    let first = github.deployments()[0].clone();
    assert_eq!(
        (&first["environment"], &first["production_environment"], &first["ref"]),
        (&json!("shop – production"), &json!(true), &json!(commit(1)))
    );
    let id = first["id"].as_u64().unwrap();
    until("told live", || github.deployment_states(id).last().is_some_and(|last| last == "success")).await;
    // The node was told how to enter the repository before it was told to.
    let deployment = world.deployments("shop").await.remove(0);
    assert!(
        deployment.steps[0].note.as_ref().unwrap().contains("entered as x-access-token"),
        "{deployment:?}"
    );

    push(&world, &github, 2).await;
    until("the next", || state_of(&github, 2) == is("pierhead/shop", "success")).await;
    until("the first is over", || github.deployment_states(id).last().is_some_and(|last| last == "inactive"))
        .await;
    assert_eq!(state_of(&github, 1), is("pierhead/shop", "success"), "its commit was good");
    assert_eq!(github.deployments().len(), 2);
    let rights: Vec<Value> = github
        .exchanges()
        .into_iter()
        .filter(|it| it.path.ends_with("/access_tokens"))
        .filter_map(|it| Some(it.body?["permissions"].clone()))
        .collect();
    assert!(rights.contains(&json!({ "contents": "read", "metadata": "read" })), "{rights:?}");
    assert_eq!(rights.len(), 2, "one to read and one to write, for all of it");
    let used = described(&github);
    for operation in ["POST /repos/{owner}/{repo}/statuses/{sha}", "GET /repos/{owner}/{repo}/deployments"] {
        assert!(used.contains(operation), "{used:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_pull_request_has_one_comment_that_says_how_its_preview_is() {
    let (world, github) = connected().await;
    world.attach_agent();
    let tell = async |second: u64, number: u64, open: bool| {
        world.repositories.set_reference(&place(&github), "refs/pull/7/head", &commit(number));
        let repository = json!({ "id": 1 });
        let pull = json!({
            "number": 7, "state": if open { "open" } else { "closed" }, "title": "Faster", "user": { "login": "ada" },
            "updated_at": format!("2026-01-01T00:00:{second:02}Z"), "html_url": "https://github.com/acme/shop/pull/7",
            "head": { "sha": commit(number), "repo": repository }, "base": { "ref": "main", "repo": repository },
        });
        let payload = json!({ "action": "synchronize", "pull_request": pull, "repository": github.payload_of("acme/shop") });
        world.send("pull_request", &format!("pull-{second}"), &payload).await;
    };
    let said = |wanted: &str| {
        let comments = github.comments(7);
        assert!(comments.len() < 2, "{comments:#?}");
        comments.first().is_some_and(|it| it.contains(wanted))
    };
    tell(1, 1, true).await;
    until("its address", || said("http://pr-7--shop.localhost") && said("v1")).await;
    tell(2, 2, true).await;
    until("the next", || said("is live") && said(&commit(2)[..12])).await;
    until("its state", || state_of(&github, 2) == is("pierhead/shop (pr-7)", "success")).await;
    tell(3, 2, false).await;
    until("removed", || said("The preview is removed")).await;
    let environments: Vec<Value> =
        github.deployments().iter().map(|it| it["transient_environment"].clone()).collect();
    assert_eq!(environments, [json!(true), json!(true)]);
    described(&github);
    world.stop().await;
}

#[tokio::test]
async fn a_service_that_wants_to_be_left_alone_is_and_hears_the_end_later() {
    let (world, github) = connected().await;
    push(&world, &github, 1).await;
    // Nobody builds it: it waits.
    until("waits", || state_of(&github, 1) == is("pierhead/shop", "pending")).await;
    until("its deployment", || github.deployments().len() == 1).await;
    let id = github.deployments()[0]["id"].as_u64().unwrap();
    until("queued", || github.deployment_states(id) == ["queued"]).await;
    // Whatever is asked next, the answer is to wait for an hour.
    github.answer_instead(403, &[("retry-after", "3600")], "You have exceeded a secondary rate limit");
    let deployment = world.deployments("shop").await.remove(0);
    world.services.deployments.cancel(&world.admin, deployment.id.as_str()).await.unwrap();
    let problem = async || {
        let view = world.services.sources.get(&world.admin, "shop").await.unwrap();
        view.link.unwrap().problem
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !problem().await.is_some_and(|why| why.contains("left alone for 3600 s")) {
        assert!(Instant::now() < deadline, "{:?}", problem().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = github.exchanges().len();
    // Another one of the same installation asks nothing either.
    push(&world, &github, 2).await;
    world.until_looked("shop").await;
    assert_eq!(github.exchanges().len(), before);
    world.later(3601);
    push(&world, &github, 3).await;
    until("the end", || state_of(&github, 1) == is("pierhead/shop", "error")).await;
    until("its end", || github.deployment_states(id).last().is_some_and(|last| last == "error")).await;
    until("the newest", || state_of(&github, 3) == is("pierhead/shop", "pending")).await;
    until("nothing is left", || state_of(&github, 2) == is("pierhead/shop", "error")).await;
    assert_eq!(github.deployments().len(), 3, "each was made once");
    world.stop().await;
}
