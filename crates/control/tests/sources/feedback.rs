//! What becomes of a deployment is told where its repository is: in order, once, and again when nobody listened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use parking_lot::Mutex;
use pierhead_control::{NewDeployment, NewLink};
use pierhead_model::deployment::State;
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
    // Its token is over: a deployment that somebody asks for waits until there is another.
    world.later(50 * 60);
    github.later(50 * 60);
    let deployments = &world.services.deployments;
    let made = deployments.deploy_project(&world.admin, "shop", NewDeployment::default()).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let live = loop {
        let now = deployments.get(&world.admin, made.id.as_str()).await.unwrap();
        if now.state == State::Production {
            break now;
        }
        assert!(Instant::now() < deadline, "{now:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(live.steps[0].note.as_ref().unwrap().contains("entered as x-access-token"), "{live:?}");
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
    // Whatever is asked next, the answer is to wait.
    github.answer_instead(403, &[("retry-after", "120")], "You have exceeded a secondary rate limit");
    let deployment = world.deployments("shop").await.remove(0);
    world.services.deployments.cancel(&world.admin, deployment.id.as_str()).await.unwrap();
    let problem = async || {
        let view = world.services.sources.get(&world.admin, "shop").await.unwrap();
        view.link.unwrap().problem
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !problem().await.is_some_and(|why| why.contains("left alone for 120 s")) {
        assert!(Instant::now() < deadline, "{:?}", problem().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = github.exchanges().len();
    // Another one of the same installation asks nothing either.
    push(&world, &github, 2).await;
    world.until_looked("shop").await;
    assert_eq!(github.exchanges().len(), before);
    world.later(121);
    push(&world, &github, 3).await;
    until("the end", || state_of(&github, 1) == is("pierhead/shop", "error")).await;
    until("its end", || github.deployment_states(id).last().is_some_and(|last| last == "error")).await;
    until("the newest", || state_of(&github, 3) == is("pierhead/shop", "pending")).await;
    until("nothing is left", || state_of(&github, 2) == is("pierhead/shop", "error")).await;
    until("the newest's deployment", || github.deployments().len() >= 3).await;
    assert_eq!(github.deployments().len(), 3, "each was made once");
    world.stop().await;
}

/// What was asked: method, path, body.
type Asked = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A service with one repository, `acme/shop`, and nothing in it: what is made there has the number 5.
async fn service() -> (String, Asked) {
    let asked = Asked::default();
    let answers = Arc::clone(&asked);
    let app = axum::Router::new().fallback(move |request: Request<Body>| {
        let asked = Arc::clone(&answers);
        async move {
            let (head, body) = request.into_parts();
            let bytes = to_bytes(body, 1 << 16).await.unwrap();
            let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            let is_list = ["/notes", "/comments", "/hooks"].iter().any(|end| path.ends_with(end));
            let answer = match method.as_str() {
                "GET" if is_list => json!([]),
                "GET" => json!({
                    "id": 5, "path_with_namespace": "acme/shop", "full_name": "acme/shop", "private": true,
                    "clone_url": "https://git.example.com/acme/shop.git", "permissions": { "push": true },
                }),
                _ => json!({ "id": 5 }),
            };
            asked.lock().push((method, path, body));
            axum::Json(answer)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, asked)
}

#[tokio::test]
async fn gitlab_and_gitea_are_told_in_their_own_words() {
    for (provider, status, notes, note, name) in [
        (
            "gitlab",
            format!("/projects/5/statuses/{}", commit(1)),
            "/projects/5/merge_requests/7/notes",
            ("PUT", "/projects/5/merge_requests/7/notes/5"),
            "name",
        ),
        (
            "gitea",
            format!("/repos/acme/shop/statuses/{}", commit(1)),
            "/repos/acme/shop/issues/7/comments",
            ("PATCH", "/repos/acme/shop/issues/comments/5"),
            "context",
        ),
    ] {
        let world = World::reaching("127.0.0.0/8").await;
        let (url, asked) = service().await;
        world.project("shop", |_| {}).await;
        let new = NewLink { provider: provider.to_owned(), token: Some("t0ken".into()), api_url: Some(url) };
        world.connect(&world.admin, "shop", new).await.unwrap();
        world.attach_agent();
        world.repositories.set_reference("git.example.com/team/shop", "refs/pull/7/head", &commit(1));
        let repository = json!({ "id": 1 });
        let payload = json!({
            "action": "opened",
            "pull_request": {
                "number": 7, "state": "open", "title": "Faster", "user": { "login": "ada" },
                "updated_at": "2026-01-01T00:00:00Z", "html_url": "https://git.example.com/team/shop/pulls/7",
                "head": { "sha": commit(1), "repo": repository }, "base": { "ref": "main", "repo": repository },
            },
            "repository": { "clone_url": "https://git.example.com/team/shop.git", "default_branch": "main" },
        });
        world.send("pull_request", "pull-1", &payload).await;
        let last = |method: &str, path: &str| {
            let asked = asked.lock();
            let found = asked.iter().rev().find(|it| it.0 == method && it.1 == path);
            found.map(|(.., body)| body.clone())
        };
        until("the commit", || last("POST", &status).is_some_and(|body| body["state"] == "success")).await;
        assert_eq!(last("POST", &status).unwrap()[name], "pierhead/shop (pr-7)");
        let is_live = |body: Value| body["body"].as_str().is_some_and(|body| body.contains("is live"));
        // It may be live before anybody was told of anything.
        until("the comment", || {
            last(note.0, note.1).is_some_and(is_live) || last("POST", notes).is_some_and(is_live)
        })
        .await;
        let made = asked.lock().iter().filter(|it| it.0 == "POST" && it.1 == notes).count();
        assert_eq!(made, 1, "{provider}: one comment");
        let others = asked.lock().iter().any(|it| it.1.contains("deployments"));
        assert!(!others, "{provider} has none");
        world.stop().await;
    }
}
