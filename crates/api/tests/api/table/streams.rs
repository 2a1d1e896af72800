//! What is told as it happens, and what lists show: to everybody what they may see.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use futures::SinkExt as _;
use http_body_util::BodyExt as _;
use pierhead_model::access::{Permission, Standing, Verdict};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt as _;

use super::world::World;
use super::{EVERYBODY, Expected, Rule, Who, expected};
use crate::live::{connect, next, served};

/// Those who may follow the events at all.
fn listeners() -> impl Iterator<Item = Who> {
    EVERYBODY.into_iter().filter(|who| expected(Rule::SignedIn, *who) == Expected::Allowed)
}

#[tokio::test]
async fn an_event_reaches_those_who_may_see_its_deployment() {
    let world = World::start().await;
    let place = world.place().await;
    let address = served(&world.platform).await;
    for who in EVERYBODY {
        let bearer = format!("Bearer {}", world.token(who));
        let own = json!({ "name": format!("own-of-{who:?}").to_lowercase(), "source": { "repository": "https://example.com/x" } });
        if who == Who::SignedOut {
            let mut socket = connect(&address, &[]).await.unwrap();
            socket.send(Message::text(json!({ "token": "" }).to_string())).await.unwrap();
            assert_eq!(next(&mut socket).await, Err(4401));
            continue;
        }
        let socket = connect(&address, &[("authorization", &bearer)]).await;
        if expected(Rule::SignedIn, who) != Expected::Allowed {
            assert_eq!(socket.err(), Some(401), "{who:?}");
            continue;
        }
        let mut socket = socket.unwrap();
        let sees = expected(Rule::ReadProject, who) == Expected::Allowed;
        if sees {
            // All that happened from the beginning, and this is among it.
            loop {
                let event = next(&mut socket).await.unwrap();
                if event["deployment"] == place.deployment {
                    break;
                }
            }
            continue;
        }
        // What comes first is their own, although the other was there before.
        let token = world.token(who);
        let name = own["name"].as_str().unwrap().to_owned();
        assert_eq!(world.platform.call_as(token, "POST", "/projects", Some(own)).await.status, 201);
        let path = format!("/projects/{name}/deployments");
        assert_eq!(world.platform.call_as(token, "POST", &path, Some(json!({}))).await.status, 202);
        assert_eq!(next(&mut socket).await.unwrap()["project"], name, "{who:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn who_loses_a_grant_is_not_told_any_further() {
    let world = World::start().await;
    let place = world.place().await;
    let following = async |token: &str| {
        let path = format!("/api/v1/deployments/{}/logs/stream", place.deployment);
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let answer =
            world.platform.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body()
    };
    let granted = tokio::spawn(following(world.token(Who::FullAccess)).await.collect());
    let mut admin = tokio::spawn(following(world.token(Who::Admin)).await.collect());
    let path = format!("/projects/{}/grants/{}", place.project, place.grant);
    let revoked = world.platform.call_as(world.token(Who::Admin), "DELETE", &path, None).await;
    assert!(revoked.status.is_success(), "{}", revoked.text);
    let told = tokio::time::timeout(Duration::from_secs(30), granted).await.unwrap().unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&told.to_bytes()).contains("event: end"), "it was cut, not ended");
    assert!(!admin.is_finished(), "who may still read it reads on");
    admin.abort();
    assert!((&mut admin).await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn lists_show_what_one_may_see() {
    let world = World::start().await;
    let place = world.place().await;
    for who in listeners() {
        let shown = async |path: &str, field: &str, wanted: &str| {
            let answer = world.platform.call_as(world.token(who), "GET", path, None).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            let items = answer.json()["items"].as_array().unwrap().clone();
            items.iter().any(|item| item[field] == wanted)
        };
        let may = |rule| expected(rule, who) == Expected::Allowed;
        let project = may(Rule::ReadProject);
        assert_eq!(shown("/projects?limit=200", "name", &place.project).await, project, "{who:?}");
        assert_eq!(shown("/deployments?limit=200", "id", &place.deployment).await, project, "{who:?}");
        let environment = may(Rule::SeeEnvironment);
        assert_eq!(shown("/environments", "name", &place.environment).await, environment, "{who:?}");
        let team = may(Rule::ReadTeam);
        assert_eq!(shown("/teams?limit=200", "name", &place.team).await, team, "{who:?}");
        let other =
            world.platform.call_as(world.token(who), "GET", "/deployments?project=nothing", None).await;
        let path = format!("/deployments?project={}", place.project);
        let filtered = world.platform.call_as(world.token(who), "GET", &path, None).await;
        assert_eq!(filtered.status == other.status, !project, "{who:?}: a filter tells nothing either");
    }
    world.stop().await;
}

/// The conditions of the queries say the same as the policy.
#[tokio::test]
async fn what_queries_show_is_what_the_policy_says() {
    use pierhead_model::access::{Kind, Scope, Scopes, rights_of};
    use pierhead_store::Visibility;

    let world = World::start().await;
    let place = world.place().await;
    let store = &world.platform.store;
    let project = store.project_by_name(&place.project).await.unwrap().unwrap();
    let environments = store.environment_list().await.unwrap();
    let standing = Standing { admin: false, token: Scopes::ALL };
    for who in
        [Who::Outsider, Who::Reader, Who::Writer, Who::FullAccess, Who::Viewer, Who::TeamAdmin, Who::Owner]
    {
        let user = world.id(who).await;
        let visible = Visibility::To(user.clone());
        let ties = store.project_ties(&project, &user).await.unwrap();
        let allowed = standing.judge(rights_of(&ties), Permission(Kind::Project, Scope::Read));
        let listed = store.project_list(None, None, 200, &visible).await.unwrap();
        assert_eq!(listed.contains(&project), allowed == Verdict::Allowed, "{who:?}");
        for environment in &environments {
            let ties = store.environment_ties(environment, &user).await.unwrap();
            let allowed = standing.judge(rights_of(&ties), Permission(Kind::Environment, Scope::Read));
            let listed = store.environment_list_visible(&visible).await.unwrap();
            assert_eq!(listed.contains(environment), allowed == Verdict::Allowed, "{who:?}");
        }
    }
    world.stop().await;
}
