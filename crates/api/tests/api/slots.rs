//! Copies of slots, and how long they live.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::platform::Platform;

const PIPELINE: &str = r#"{ "version": 1, "parameters": { "seed": { "default": "small" }, "mail": {} }, "steps": {
    "api": { "kind": "service", "image": "a:main", "selectable_tags": "main|v*", "public": 80,
             "variables": { "A": "${{ parameters.seed }}${{ parameters.mail }}" } } } }"#;

async fn platform() -> Platform {
    let platform = Platform::start().await;
    let project = json!({ "name": "shop", "lifetime_s": 3600 });
    assert_eq!(platform.call("POST", "/projects", Some(project)).await.status, 201);
    let pipeline = serde_json::from_str(PIPELINE).unwrap();
    assert_eq!(platform.call("PUT", "/projects/shop/pipeline", Some(pipeline)).await.status, 201);
    platform
}

async fn deploy(platform: &Platform, slot: &str) -> Value {
    let body = json!({ "slot": slot, "tags": { "api": "v1" }, "parameters": { "mail": "a@b" } });
    let answer = platform.call("POST", "/projects/shop/deployments", Some(body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()
}

fn seconds_until(time: &Value) -> i64 {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.duration_since(Timestamp::now()).as_secs()
}

#[tokio::test]
async fn a_slot_lives_as_long_as_it_is_said() {
    let platform = platform().await;
    let deployed = deploy(&platform, "qa").await;
    assert!((3590..=3600).contains(&seconds_until(&deployed["expires_at"])), "{deployed}");
    let slot = platform.get("/projects/shop/slots/qa").await;
    assert_eq!((&slot["lifetime_s"], &slot["expires_at"]), (&json!(3600), &deployed["expires_at"]));

    let extend =
        async |body: Value| platform.call("POST", "/projects/shop/slots/qa/extend", Some(body)).await;
    let longer = extend(json!({ "lifetime_s": 86_400 })).await.json();
    assert!((86_390..=86_400).contains(&seconds_until(&longer["expires_at"])), "{longer}");
    let again = extend(json!({})).await.json();
    assert_eq!(again["lifetime_s"], 86_400, "its own from now on");
    assert_eq!(extend(json!({ "lifetime_s": 0 })).await.json()["expires_at"], Value::Null);
    assert_eq!(extend(json!({ "lifetime_s": 5 })).await.json()["errors"][0]["pointer"], "/lifetime_s");

    // The project's counts for those that have none of their own.
    deploy(&platform, "other").await;
    let changed = platform.call("PATCH", "/projects/shop", Some(json!({ "lifetime_s": 600 }))).await;
    assert_eq!(changed.json()["lifetime_s"], 600, "{}", changed.text);
    let other = platform.get("/projects/shop/slots/other").await;
    assert!((590..=600).contains(&seconds_until(&other["expires_at"])), "{other}");
    assert_eq!(platform.get("/projects/shop/slots/qa").await["expires_at"], Value::Null);

    let production = deploy(&platform, "production").await;
    assert_eq!(production["expires_at"], Value::Null, "it lives until it is deleted");
    let refused = platform
        .call("POST", "/projects/shop/slots/production/extend", Some(json!({ "lifetime_s": 600 })))
        .await;
    assert_eq!(refused.refusal(), (422, "validation".to_owned()));
    platform.stop().await;
}

#[tokio::test]
async fn what_expired_is_deleted_unless_something_is_on_its_way_in_it() {
    let platform = platform().await;
    let (ended, busy) = (deploy(&platform, "ended").await, deploy(&platform, "busy").await);
    let id = ended["id"].as_str().unwrap();
    platform.call("POST", &format!("/deployments/{id}/cancel"), None).await;
    platform.get(&format!("/deployments/{id}?wait=30&until=terminal")).await;
    let project = platform.store.project_by_name("shop").await.unwrap().unwrap();
    for slot in platform.store.slots_of_project(&project.id).await.unwrap() {
        let past = Timestamp::now() - SignedDuration::from_secs(1);
        platform.store.slot_extend(&slot.id, None, Some(past)).await.unwrap();
    }
    // Somebody's press of a button makes it look at once.
    deploy(&platform, "third").await;
    let gone = async || platform.call("GET", "/projects/shop/slots/ended", None).await.status == 404;
    for _ in 0..600 {
        if gone().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(gone().await);
    let busy_slot = platform.get("/projects/shop/slots/busy").await;
    assert_eq!((&busy_slot["latest"], &busy_slot["deleting"]), (&busy["id"], &json!(false)));
    assert!(seconds_until(&busy_slot["expires_at"]) > 3000, "its time began anew: {busy_slot}");
    platform.stop().await;
}

#[tokio::test]
async fn a_clone_has_what_was_chosen_unless_it_says_otherwise() {
    let platform = platform().await;
    deploy(&platform, "qa").await;
    let clone = async |body: Value| platform.call("POST", "/projects/shop/slots/qa/clone", Some(body)).await;
    let copy = clone(json!({ "slot": "copy", "parameters": { "seed": "large" } })).await;
    assert_eq!(copy.status, 202, "{}", copy.text);
    let copy = copy.json();
    assert_eq!((&copy["slot"], &copy["trigger"]), (&json!("copy"), &json!("clone")));
    assert_eq!(copy["tags"], json!({ "api": "v1" }), "{copy}");
    assert_eq!(copy["parameters"], json!({ "mail": "a@b", "seed": "large" }));
    assert_eq!(copy["urls"], json!(["http://api.copy.local.localhost:8480"]));
    let other = clone(json!({ "slot": "copy2", "tags": { "api": "v2" } })).await.json();
    assert_eq!(other["tags"], json!({ "api": "v2" }));
    assert_eq!(clone(json!({ "slot": "copy" })).await.refusal(), (409, "name_taken".to_owned()));
    assert_eq!(clone(json!({ "slot": "NO" })).await.json()["errors"][0]["pointer"], "/slot");
    let refused = clone(json!({ "slot": "copy3", "tags": { "api": "dev" } })).await;
    assert_eq!(refused.refusal(), (422, "validation".to_owned()));
    assert_eq!(
        platform.call("POST", "/projects/shop/slots/none/clone", Some(json!({ "slot": "x" }))).await.status,
        404
    );
    platform.stop().await;
}

#[tokio::test]
async fn an_environment_is_made_and_says_how_long_its_slots_live() {
    let platform = Platform::start().await;
    let new = json!({ "name": "qa", "base_domain": "qa.example.com", "lifetime_s": 3600 });
    let made = platform.call("POST", "/environments", Some(new.clone())).await;
    assert_eq!((made.status.as_u16(), &made.json()["lifetime_s"]), (201, &json!(3600)), "{}", made.json());
    assert_eq!(platform.call("POST", "/environments", Some(new)).await.json()["code"], "name_taken");
    let wrong = json!({ "name": "Q A", "base_domain": "" });
    let refused = platform.call("POST", "/environments", Some(wrong)).await.json();
    let pointers: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/name", "/base_domain"]);
    let changed = platform.call("PATCH", "/environments/qa", Some(json!({ "lifetime_s": 0 }))).await;
    assert_eq!(changed.json()["lifetime_s"], Value::Null, "for ever");
    assert_eq!(platform.get("/environments/qa/nodes").await["items"], json!([]));
    assert_eq!(platform.call("GET", "/environments/moon", None).await.status.as_u16(), 404);
}
