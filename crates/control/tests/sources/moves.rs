//! A branch that moved is deployed, once, and only when there is something to deploy.

use pierhead_model::deployment::State;
use pierhead_model::source::{Folder, GitReference};
use serde_json::json;

use crate::world::{World, commit};

const SHOP: &str = "git.example.com/team/shop";

#[tokio::test]
async fn a_push_is_deployed_once_whatever_its_webhooks_do() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.repositories.set(SHOP, "main", &commit(1));
    let received = world.push("shop", "main", &commit(1), "a").await;
    assert_eq!((received.duplicate, &received.projects[..]), (false, &["shop".to_owned()][..]));
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(1)]);
    let first = &world.deployments("shop").await[0];
    assert_eq!((first.trigger.as_str(), first.created_by.as_str()), ("push", "octocat"));
    assert_eq!(first.commit.as_ref().unwrap().message, "Change the shop");
    assert!(first.timings.received_at.is_some_and(|at| at <= first.timings.queued_at));

    // The same delivery, the same push under another id.
    assert!(world.push("shop", "main", &commit(1), "a").await.duplicate);
    assert!(!world.push("shop", "main", &commit(1), "b").await.duplicate);
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(1)]);

    // Two pushes, told in the wrong order: only the head is deployed, and what is late changes nothing.
    world.repositories.set(SHOP, "main", &commit(3));
    world.push("shop", "main", &commit(3), "c").await;
    world.until_looked("shop").await;
    world.push("shop", "main", &commit(2), "d").await;
    assert_eq!(world.until_looked("shop").await, "the server does not show yet what was pushed");
    assert_eq!(world.commits("shop").await, [commit(1), commit(3)]);
    assert_eq!(world.deployments("shop").await[0].failure.as_ref().unwrap().reason.code(), "superseded");

    // Told before the server shows it: found soon after.
    world.push("shop", "main", &commit(4), "e").await;
    world.until_looked("shop").await;
    world.repositories.set(SHOP, "main", &commit(4));
    world.later(2);
    world.services.sources.get(&world.admin, "shop").await.unwrap();
    world.push("shop", "main", &commit(4), "f").await;
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(1), commit(3), commit(4)]);

    // Forced back to an older commit: that is the head now.
    world.repositories.set(SHOP, "main", &commit(1));
    world.push("shop", "main", &commit(1), "g").await;
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await.last(), Some(&commit(1)));
    let states: Vec<State> = world.deployments("shop").await.iter().map(|it| it.state).collect();
    assert_eq!(states, [State::Failed, State::Failed, State::Failed, State::Queued]);
    world.stop().await;
}

#[tokio::test]
async fn a_push_that_nobody_told_of_is_found() {
    let world = World::start().await;
    world.repositories.set(SHOP, "main", &commit(1));
    world.project("shop", |_| {}).await;
    assert!(
        world.until_looked("shop").await.starts_with("followed from"),
        "nothing is deployed by itself at first"
    );
    assert!(world.deployments("shop").await.is_empty());

    world.repositories.set(SHOP, "main", &commit(2));
    world.services.sources.sync(&world.admin, "shop").await.unwrap();
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(2)]);
    assert_eq!(world.deployments("shop").await[0].trigger, "sync");

    world.repositories.set(SHOP, "main", &commit(3));
    world.later(10 * 60);
    // Wakes the clock, which a test cannot wait for.
    world.project("other", |_| {}).await;
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(2), commit(3)]);
    assert_eq!(world.deployments("shop").await[1].trigger, "poll");
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_again() {
    let world = World::start().await;
    world.repositories.set(SHOP, "main", &commit(1));
    world.project("shop", |_| {}).await;
    world.until_looked("shop").await;
    *world.repositories.down.lock() = true;
    world.repositories.set(SHOP, "main", &commit(2));
    world.push("shop", "main", &commit(2), "a").await;
    assert_eq!(world.until_looked("shop").await, "it could not be looked at");
    let view = world.services.sources.get(&world.admin, "shop").await.unwrap();
    assert!(view.verdict.contains("the host does not answer"), "{}", view.verdict);
    *world.repositories.down.lock() = false;
    world.later(5);
    world.project("other", |_| {}).await;
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(2)]);
    assert_eq!(world.deployments("shop").await[0].trigger, "push", "what was asked is remembered");
    world.stop().await;
}

#[tokio::test]
async fn what_needs_no_deployment_gets_none() {
    let world = World::start().await;
    world
        .project("shop", |settings| {
            settings.source.as_mut().unwrap().root_directory = Folder::parse("apps/web").unwrap();
        })
        .await;
    world.repositories.set(SHOP, "main", &commit(1));
    world.push("shop", "main", &commit(1), "a").await;
    world.until_looked("shop").await;

    world.repositories.changes_elsewhere(&commit(2));
    world.repositories.set(SHOP, "main", &commit(2));
    world.push("shop", "main", &commit(2), "b").await;
    let outcome = world.until_looked("shop").await;
    assert!(outcome.ends_with("nothing below apps/web changed"), "{outcome}");

    world.repositories.say(&commit(3), "Correct a comment [Skip Deploy]");
    world.repositories.set(SHOP, "main", &commit(3));
    world.services.sources.sync(&world.admin, "shop").await.unwrap();
    let outcome = world.until_looked("shop").await;
    assert!(outcome.ends_with("its message says [skip deploy]"), "{outcome}");
    assert_eq!(world.commits("shop").await, [commit(1)]);

    // What was skipped was dealt with: a look finds nothing new, and the next push is compared with it.
    world.services.sources.sync(&world.admin, "shop").await.unwrap();
    assert_eq!(world.until_looked("shop").await, "nothing new");
    world.repositories.set(SHOP, "main", &commit(4));
    world.push("shop", "main", &commit(4), "c").await;
    world.until_looked("shop").await;
    assert_eq!(world.commits("shop").await, [commit(1), commit(4)]);
    world.stop().await;
}

#[tokio::test]
async fn branches_deploy_where_their_project_says() {
    let world = World::start().await;
    world
        .project("shop", |settings| {
            settings.source.as_mut().unwrap().branch = Some(GitReference::parse("live").unwrap());
            settings.triggers.branches = vec!["release/*".to_owned()];
        })
        .await;
    for (number, branch) in (1..).zip(["live", "release/1", "release-1", "main"]) {
        world.repositories.set(SHOP, branch, &commit(number));
        world.push("shop", branch, &commit(number), branch).await;
        world.until_looked("shop").await;
    }
    let found = world.deployments("shop").await;
    let slots: Vec<(&str, String)> =
        found.iter().map(|it| (it.slot.as_str(), it.commit.clone().unwrap().hash)).collect();
    assert_eq!(slots.len(), 2, "{slots:?}");
    assert_eq!(slots[0], ("production", commit(1)));
    assert!(slots[1].0.starts_with("release-1-") && slots[1].1 == commit(2), "{slots:?}");

    // A branch that is followed no longer is forgotten.
    let patch = json!({ "triggers": { "branches": [] } });
    world.services.projects.update(&world.admin, "shop", &patch, None).await.unwrap();
    world.later(10 * 60);
    world.push("shop", "live", &commit(1), "again").await;
    world.until_looked("shop").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while world.services.sources.get(&world.admin, "shop").await.unwrap().followed.len() != 1 {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.stop().await;
}

/// A surge: a thousand pushes to one project hold up another one's by a look.
#[tokio::test]
async fn a_thousand_webhooks_are_a_few_deployments() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.project("other", |_| {}).await;
    world.until_looked("shop").await;
    world.repositories.set("git.example.com/team/other", "main", &commit(7));
    for number in 1..=1000 {
        world.repositories.set(SHOP, "main", &commit(number));
        world.push("shop", "main", &commit(number), &format!("d{number}")).await;
        if number == 500 {
            world.push("other", "main", &commit(7), "other").await;
        }
    }
    world.until_looked("shop").await;
    world.until_looked("other").await;
    assert_eq!(world.commits("other").await, [commit(7)]);
    let found = world.commits("shop").await;
    assert_eq!(found.last(), Some(&commit(1000)));
    let queued = world.deployments("shop").await.iter().filter(|it| it.state == State::Queued).count();
    assert_eq!(queued, 1, "only the newest is built");
    let unique: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!(unique.len(), found.len(), "none twice");
    world.stop().await;
}

/// A pull request as GitHub tells of it.
async fn pull(world: &World, delivery: &str, (state, fork, second): (&str, bool, u64), head: &str) {
    let payload = json!({
        "action": "synchronize",
        "number": 7,
        "repository": { "clone_url": "https://git.example.com/team/shop.git", "default_branch": "main" },
        "pull_request": {
            "number": 7, "state": state, "title": "Faster", "html_url": "https://git.example.com/team/shop/pull/7",
            "updated_at": format!("2026-11-21T10:00:{second:02}Z"),
            "user": { "login": "eve" },
            "head": { "sha": head, "repo": { "id": if fork { 2 } else { 1 } } },
            "base": { "ref": "main", "repo": { "id": 1 } },
        },
    });
    world.send("pull_request", delivery, &payload).await;
}

async fn outcome_of_pull(world: &World, expected: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let view = world.services.sources.get(&world.admin, "shop").await.unwrap();
        let found = view.followed.iter().find(|it| it.pull.is_some());
        let outcome = found.and_then(|it| it.outcome.clone()).unwrap_or_default();
        if outcome.contains(expected) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{view:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_pull_request_has_a_slot_until_it_is_closed() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.repositories.set_reference(SHOP, "refs/pull/7/head", &commit(1));
    pull(&world, "a", ("open", false, 1), &commit(1)).await;
    outcome_of_pull(&world, "is deployed as").await;
    let found = world.deployments("shop").await;
    assert_eq!((found[0].slot.as_str(), found[0].created_by.as_str()), ("pr-7", "eve"));

    pull(&world, "b", ("closed", false, 3), &commit(1)).await;
    outcome_of_pull(&world, "its slot is deleted").await;
    // What comes late does not bring it back.
    pull(&world, "c", ("open", false, 2), &commit(1)).await;
    outcome_of_pull(&world, "its slot is deleted").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !world.deployments("shop").await.is_empty() {
        assert!(std::time::Instant::now() < deadline, "the slot and all it had are gone");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_fork_waits_for_an_approval_of_each_commit() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.repositories.set_reference(SHOP, "refs/pull/7/head", &commit(1));
    pull(&world, "a", ("open", true, 1), &commit(1)).await;
    outcome_of_pull(&world, "waits for an approval").await;
    assert!(world.deployments("shop").await.is_empty());

    let approve = |commit: String| {
        let (services, admin) = (world.services.clone(), world.admin.clone());
        async move { services.sources.approve(&admin, "shop", 7, (&commit, false)).await }
    };
    assert!(approve("main".to_owned()).await.is_err(), "a branch moves: only a commit can be approved");
    approve(commit(1)).await.unwrap();
    outcome_of_pull(&world, "is deployed as").await;
    assert_eq!(world.commits("shop").await, [commit(1)]);

    world.repositories.set_reference(SHOP, "refs/pull/7/head", &commit(2));
    pull(&world, "b", ("open", true, 2), &commit(2)).await;
    outcome_of_pull(&world, "waits for an approval").await;
    assert_eq!(world.commits("shop").await, [commit(1)], "what was pushed after the approval is not built");
    world.stop().await;
}
