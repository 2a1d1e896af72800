//! Signing a command line in by a browser, and what somebody could try with it.

use serde_json::{Value, json};

use crate::platform::{Answer, EMAIL, PASSWORD, Platform};

async fn begin(platform: &Platform) -> Value {
    let begun =
        platform.call_as("", "POST", "/auth/device", Some(json!({ "name": " ada's \u{7}laptop " }))).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    begun.json()
}

async fn poll(platform: &Platform, begun: &Value) -> Answer {
    let body = json!({ "device_code": begun["device_code"] });
    platform.call_as("", "POST", "/auth/device/token", Some(body)).await
}

async fn answer(platform: &Platform, code: &Value, approve: bool) -> Answer {
    let path = format!("/me/device-logins/{}", code.as_str().unwrap());
    platform.call("POST", &path, Some(json!({ "approve": approve }))).await
}

#[tokio::test]
async fn a_command_line_gets_a_token_of_its_own_once_somebody_confirms_its_code() {
    let platform = Platform::start().await;
    let begun = begin(&platform).await;
    let code = begun["user_code"].as_str().unwrap();
    assert!(
        begun["verification_url"].as_str().unwrap().ends_with(&format!("/console/device?code={code}")),
        "{begun}"
    );
    assert_eq!((begun["expires_in"].clone(), begun["interval"].clone()), (json!(600), json!(3)));
    assert_eq!(poll(&platform, &begun).await.json()["status"], "pending");
    let soon = poll(&platform, &begun).await;
    assert_eq!(soon.refusal(), (429, "rate_limited".to_owned()), "it asks all the time");
    platform.advance(3);
    assert_eq!(poll(&platform, &begun).await.json()["status"], "pending");

    // However it is typed.
    let typed = code.to_ascii_lowercase().replace('-', " ");
    let asked = platform.get(&format!("/me/device-logins/{}", typed.replace(' ', "%20"))).await;
    assert_eq!(
        (&asked["name"], &asked["user_code"]),
        (&json!("ada's laptop"), &begun["user_code"]),
        "{asked}"
    );
    assert_eq!(answer(&platform, &begun["user_code"], true).await.status, 204);
    assert_eq!(answer(&platform, &begun["user_code"], false).await.status, 404, "answered is answered");

    let told = poll(&platform, &begun).await;
    assert_eq!(told.header("cache-control"), "no-store");
    let told = told.json();
    assert_eq!((&told["status"], &told["email"]), (&json!("approved"), &json!(EMAIL)), "{told}");
    assert_eq!(told["token"]["name"], "pierhead on ada's laptop");
    let token = told["token"]["token"].as_str().unwrap();
    assert_eq!(platform.call_as(token, "GET", "/me", None).await.json()["email"], EMAIL);
    assert_eq!(poll(&platform, &begun).await.refusal(), (401, "unauthenticated".to_owned()), "told once");
    let audit = platform.get("/audit?action=device.approve").await;
    assert_eq!(audit["items"][0]["target"]["name"], "ada's laptop", "{audit}");
    assert_eq!(platform.get("/audit?action=token.create").await["items"][0]["actor"]["via"], "browser");

    // It may be taken back as any token.
    assert_eq!(platform.call_as(token, "POST", "/auth/logout", None).await.status, 204);
    assert_eq!(platform.call_as(token, "GET", "/me", None).await.status, 401);
    platform.stop().await;
}

#[tokio::test]
async fn what_is_refused_or_too_late_gives_nobody_anything() {
    let platform = Platform::start().await;
    let refused = begin(&platform).await;
    assert_eq!(answer(&platform, &refused["user_code"], false).await.status, 204);
    let told = poll(&platform, &refused).await.json();
    assert_eq!((&told["status"], &told["token"]), (&json!("denied"), &Value::Null));
    assert_eq!(poll(&platform, &refused).await.refusal().0, 401);

    let (late, confirmed) = (begin(&platform).await, begin(&platform).await);
    assert_eq!(answer(&platform, &confirmed["user_code"], true).await.status, 204);
    platform.advance(601);
    // The one who looks is signed in anew by now.
    assert_eq!(poll(&platform, &late).await.refusal().0, 401);
    assert_eq!(poll(&platform, &confirmed).await.refusal().0, 401, "confirmed, and not fetched in time");
    assert_eq!(answer(&platform, &late["user_code"], true).await.status, 404);
    platform.stop().await;
}

#[tokio::test]
async fn a_token_cannot_confirm_one_that_outlives_it() {
    let platform = Platform::start().await;
    let begun = begin(&platform).await;
    let path = format!("/me/device-logins/{}", begun["user_code"].as_str().unwrap());
    for (scopes, status) in [(&["read"][..], 403), (&["read", "write", "delete"], 403)] {
        let token = platform.token_with(scopes).await;
        let refused = platform.call_as(&token, "POST", &path, Some(json!({ "approve": true }))).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
    assert_eq!(poll(&platform, &begun).await.json()["status"], "pending");
    platform.stop().await;
}

#[tokio::test]
async fn codes_cannot_be_guessed_nor_begun_without_end() {
    let platform = Platform::start().await;
    let member = platform.member_token().await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        let path = format!("/me/device-logins/BCDF-GHJ{number}");
        statuses.push(platform.call_as(&member, "GET", &path, None).await.status.as_u16());
    }
    assert!(statuses.starts_with(&[404; 5]) && statuses.ends_with(&[429]), "{statuses:?}");
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let begun = platform.call_as("", "POST", "/auth/device", Some(json!({ "name": "bot" }))).await;
        statuses.push(begun.status.as_u16());
    }
    assert!(statuses.starts_with(&[200; 5]) && statuses.ends_with(&[429]), "{statuses:?}");
    // The short code is not the long one.
    let body = json!({ "device_code": "BCDF-GHJK" });
    assert_eq!(platform.call_as("", "POST", "/auth/device/token", Some(body)).await.status, 401);
    let named = platform.call_as("", "POST", "/auth/device", Some(json!({ "name": "\u{7}" }))).await;
    assert!(matches!(named.status.as_u16(), 422 | 429), "{}", named.text);
    let wrong = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(
        platform.call_as("", "POST", "/auth/login", Some(wrong)).await.status,
        200,
        "signing in is not in the way"
    );
    platform.stop().await;
}

#[tokio::test]
async fn grants_are_replaced_as_a_list() {
    let platform = Platform::start().await;
    for team in ["red", "blue"] {
        assert_eq!(platform.call("POST", "/teams", Some(json!({ "name": team }))).await.status, 201);
    }
    assert_eq!(platform.call("POST", "/projects", Some(json!({ "name": "shop" }))).await.status, 201);
    let put = async |body: Value| platform.call("PUT", "/projects/shop/grants", Some(body)).await;
    let one = put(json!({ "team": "red", "bundle": "full-access" })).await.json();
    assert_eq!((&one["team"], &one["scopes"]), (&json!("red"), &json!(["read", "write", "delete"])));
    let all = put(json!({ "items": [{ "team": "blue", "scopes": ["read"] }] })).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!((&all["items"][0]["team"], &all["next_cursor"]), (&json!("blue"), &Value::Null));
    let both =
        put(json!([{ "team": "blue", "scopes": ["write"] }, { "team": "red", "scopes": ["read"] }])).await;
    assert_eq!(both.json()["items"][0]["scopes"], json!(["read", "write"]), "{}", both.text);

    let twice = put(json!({ "items": [{ "team": "red", "scopes": ["read"] }, { "team": "red", "scopes": ["read"] }, { "team": "none", "scopes": ["read"] }] })).await;
    let pointers: Vec<_> =
        twice.json()["errors"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, ["/items/1/team", "/items/2/team"], "{}", twice.text);
    let unknown = put(json!({ "items": [{ "team": "red", "scpes": [] }] })).await;
    assert!(unknown.status.as_u16() >= 400 && unknown.text.contains("item 0"), "{}", unknown.text);
    assert_eq!(
        platform.get("/projects/shop/grants").await["items"].as_array().unwrap().len(),
        2,
        "nothing of it"
    );

    // Taking back is another right than granting.
    let writer = platform.token_with(&["read", "write"]).await;
    let fewer = json!({ "items": [{ "team": "red", "scopes": ["read"] }] });
    assert_eq!(
        platform.call_as(&writer, "PUT", "/projects/shop/grants", Some(fewer.clone())).await.status,
        403
    );
    let told = platform.get("/audit?action=grants.replace").await;
    assert_eq!(told["items"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(put(json!([])).await.json()["items"], json!([]));
    platform.stop().await;
}
