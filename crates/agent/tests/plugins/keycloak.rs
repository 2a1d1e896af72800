//! `keycloak-user` against a stand-in of Keycloak's admin REST API: the calls and answers that its documentation and its own
//! source describe, kept as strict as the real ones (lower-case names, unique e-mail addresses, groups that must exist).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Json, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Router, extract::OriginalUri};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::Harness;

const PLUGIN: &str = "keycloak-user";
const ADMIN_PASSWORD: &str = "s&cret=+%";
const TOKEN: &str = "header.payload.signature";

#[derive(Default)]
struct Realm {
    /// By id.
    users: BTreeMap<String, Value>,
    /// Names by id.
    groups: BTreeMap<String, String>,
    /// Groups of users, by their ids.
    members: Vec<(String, String)>,
    passwords: BTreeMap<String, String>,
    roles: BTreeMap<String, Vec<String>>,
    made: u32,
    /// Creates that are carried out, and whose answer is lost.
    lose_answers: u32,
}

type Keycloak = Arc<Mutex<Realm>>;

fn refused(status: StatusCode, words: &str) -> Response {
    (status, Json(json!({"errorMessage": words}))).into_response()
}

async fn token(Path(realm): Path<String>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    if realm != "master" || !is("grant_type", "password") || !is("client_id", "admin-cli") {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_client"}))).into_response();
    }
    if !is("username", "admin") || !is("password", ADMIN_PASSWORD) {
        let error = json!({"error": "invalid_grant", "error_description": "Invalid user credentials"});
        return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    Json(json!({"access_token": TOKEN, "expires_in": 60, "token_type": "Bearer"})).into_response()
}

async fn signed_in(headers: HeaderMap, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {TOKEN}");
    if headers.get(header::AUTHORIZATION).is_none_or(|given| given != expected.as_str()) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "HTTP 401 Unauthorized"}))).into_response();
    }
    next.run(request).await
}

async fn users(
    State(keycloak): State<Keycloak>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    assert_eq!(query["exact"], "true");
    let wanted = query["username"].to_lowercase();
    let realm = keycloak.lock();
    Json(realm.users.values().filter(|user| user["username"] == wanted.as_str()).cloned().collect())
}

async fn make_user(
    State(keycloak): State<Keycloak>,
    OriginalUri(uri): OriginalUri,
    Json(user): Json<Value>,
) -> Response {
    let mut realm = keycloak.lock();
    let username = user["username"].as_str().unwrap().to_lowercase();
    if realm.users.values().any(|other| other["username"] == username.as_str()) {
        return refused(StatusCode::CONFLICT, "User exists with same username");
    }
    if !user["email"].is_null() && realm.users.values().any(|other| other["email"] == user["email"]) {
        return refused(StatusCode::CONFLICT, "User exists with same email");
    }
    let mut joined = Vec::new();
    for path in user["groups"].as_array().into_iter().flatten() {
        let name = path.as_str().unwrap().strip_prefix('/').unwrap();
        let Some((id, _)) = realm.groups.iter().find(|(_, group)| *group == name) else {
            // All in one transaction: then there is no user, either.
            return refused(StatusCode::INTERNAL_SERVER_ERROR, "unknown_error");
        };
        joined.push(id.clone());
    }
    realm.made += 1;
    let id = format!("user-{}", realm.made);
    let credential = &user["credentials"][0];
    assert_eq!((&credential["type"], &credential["temporary"]), (&"password".into(), &false.into()));
    realm.passwords.insert(id.clone(), credential["value"].as_str().unwrap().to_owned());
    realm.members.extend(joined.into_iter().map(|group| (group, id.clone())));
    let kept = json!({"id": id, "username": username, "email": user["email"], "enabled": user["enabled"]});
    realm.users.insert(id.clone(), kept);
    if realm.lose_answers > 0 {
        realm.lose_answers -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    (StatusCode::CREATED, [(header::LOCATION, format!("{uri}/{id}"))]).into_response()
}

async fn remove_user(State(keycloak): State<Keycloak>, Path((_, id)): Path<(String, String)>) -> Response {
    let mut realm = keycloak.lock();
    realm.members.retain(|(_, user)| *user != id);
    realm.passwords.remove(&id);
    match realm.users.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => refused(StatusCode::NOT_FOUND, "User not found"),
    }
}

async fn set_password(
    State(keycloak): State<Keycloak>,
    Path((_, id)): Path<(String, String)>,
    Json(credential): Json<Value>,
) -> StatusCode {
    keycloak.lock().passwords.insert(id, credential["value"].as_str().unwrap().to_owned());
    StatusCode::NO_CONTENT
}

async fn grant(
    State(keycloak): State<Keycloak>,
    Path((_, id)): Path<(String, String)>,
    Json(roles): Json<Vec<Value>>,
) -> StatusCode {
    let names = roles.iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect();
    keycloak.lock().roles.insert(id, names);
    StatusCode::NO_CONTENT
}

async fn role(Path((_, name)): Path<(String, String)>) -> Response {
    match name.as_str() {
        "tester" | "a/b c" => Json(json!({"id": format!("role-{name}"), "name": name})).into_response(),
        _ => (StatusCode::NOT_FOUND, Json(json!({"error": "Could not find role"}))).into_response(),
    }
}

async fn groups(
    State(keycloak): State<Keycloak>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let realm = keycloak.lock();
    // Older ones know no `exact`, and find by a part of the name.
    let found = realm.groups.iter().filter(|(_, name)| name.contains(&query["search"]));
    Json(found.map(|(id, name)| json!({"id": id, "name": name, "path": format!("/{name}")})).collect())
}

async fn make_group(State(keycloak): State<Keycloak>, Json(group): Json<Value>) -> Response {
    let name = group["name"].as_str().unwrap().to_owned();
    let mut realm = keycloak.lock();
    if realm.groups.values().any(|other| *other == name) {
        return refused(StatusCode::CONFLICT, "Top level group named already exists.");
    }
    realm.made += 1;
    let id = format!("group-{}", realm.made);
    realm.groups.insert(id, name);
    StatusCode::CREATED.into_response()
}

async fn remove_group(State(keycloak): State<Keycloak>, Path((_, id)): Path<(String, String)>) -> StatusCode {
    match keycloak.lock().groups.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn members(State(keycloak): State<Keycloak>, Path((_, id)): Path<(String, String)>) -> Json<Value> {
    let realm = keycloak.lock();
    let of_group = realm.members.iter().filter(|(group, _)| *group == id);
    Json(of_group.map(|(_, user)| realm.users[user].clone()).collect())
}

async fn realm_itself(Path(realm): Path<String>) -> Response {
    if realm == "shop qa" {
        Json(json!({"realm": realm})).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

fn router(keycloak: Keycloak) -> Router {
    let admin = Router::new()
        .route("/{realm}", get(realm_itself))
        .route("/{realm}/users", get(users).post(make_user))
        .route("/{realm}/users/{id}", axum::routing::delete(remove_user))
        .route("/{realm}/users/{id}/reset-password", put(set_password))
        .route("/{realm}/users/{id}/role-mappings/realm", post(grant))
        .route("/{realm}/roles/{name}", get(role))
        .route("/{realm}/groups", get(groups).post(make_group))
        .route("/{realm}/groups/{id}", axum::routing::delete(remove_group))
        .route("/{realm}/groups/{id}/members", get(members))
        .layer(middleware::from_fn(signed_in));
    let own = Router::new()
        .route("/realms/{realm}/protocol/openid-connect/token", post(token))
        .nest("/admin/realms", admin);
    // Where it was installed below a path.
    Router::new().nest("/auth", own).with_state(keycloak)
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_once_and_only_own_ones_are_removed() {
    let harness = Harness::new(15).await;
    let keycloak = Keycloak::default();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = router(Arc::clone(&keycloak));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let parameters = |more: &Value| {
        let mut parameters = json!({
            "url": format!("http://{}:{port}/auth/", harness.host), "realm": "shop qa",
            "admin_password": ADMIN_PASSWORD, "username": "Tester",
        });
        parameters.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        parameters
    };
    let is_empty = || keycloak.lock().users.is_empty() && keycloak.lock().groups.is_empty();

    // Made twice, removed twice.
    let full = parameters(&json!({"email": "t@example.org", "realm_roles": ["tester", "a/b c"]}));
    let first = harness.create(PLUGIN, &full).await;
    assert_eq!((&first["username"], &first["user_id"]), (&"tester".into(), &"user-2".into()));
    let second = harness.create(PLUGIN, &full).await;
    assert_eq!(first["user_id"], second["user_id"]);
    assert_ne!(first["password"], second["password"]);
    {
        let realm = keycloak.lock();
        assert_eq!(Some(realm.passwords["user-2"].as_str()), second["password"].as_str());
        assert_eq!(realm.roles["user-2"], ["tester", "a/b c"]);
    }
    for _ in 0..2 {
        harness.destroy(PLUGIN, &full).await;
    }
    assert!(is_empty());

    // The answer to the create is lost: it is finished by the next attempt, or undone.
    keycloak.lock().lose_answers = 2;
    harness.refused(PLUGIN, &full, 75).await;
    harness.create(PLUGIN, &full).await;
    harness.destroy(PLUGIN, &full).await;
    harness.refused(PLUGIN, &full, 75).await;
    assert_eq!(keycloak.lock().users.len(), 1);
    harness.destroy(PLUGIN, &full).await;
    assert!(is_empty());

    // Somebody else's user, by name or by address, is neither taken nor removed; nor is a group with a longer name.
    let deployment = harness.lab.place.deployment.to_string();
    keycloak.lock().groups.insert("other".into(), format!("pierhead {deployment} made too"));
    let boss = json!({"id": "boss", "username": "tester", "email": "boss@example.org"});
    keycloak.lock().users.insert("boss".into(), boss);
    for more in [json!({}), json!({"username": "other", "email": "boss@example.org"})] {
        let told = harness.refused(PLUGIN, &parameters(&more), 73).await;
        assert!(told.contains("this step did not make it"), "{told}");
        harness.destroy(PLUGIN, &parameters(&more)).await;
    }
    assert_eq!(keycloak.lock().users.keys().collect::<Vec<_>>(), ["boss"]);
    assert_eq!(keycloak.lock().groups.keys().collect::<Vec<_>>(), ["other"]);
    *keycloak.lock() = Realm::default();

    // Hostile names stay names.
    for username in
        ["o'brien\"; drop", "../../realms/master", "a?exact=false&x=y#z", "zwei\nzeilen", "größe ☃"]
    {
        let hostile = parameters(&json!({"username": username, "password": "p\"w\n"}));
        assert_eq!(harness.create(PLUGIN, &hostile).await["username"], username);
        harness.create(PLUGIN, &hostile).await;
        harness.destroy(PLUGIN, &hostile).await;
        assert!(is_empty(), "{username}");
    }

    for (more, code, told) in [
        (json!({"admin_password": "wrong"}), 77, "Invalid user credentials"),
        (json!({"realm": "nowhere"}), 64, "there is no realm `nowhere`"),
        (json!({"realm_roles": ["boss"]}), 64, "has no role `boss`"),
        (json!({"username": " "}), 64, "`username` is empty"),
        (json!({"url": "http://10.215.15.1:1"}), 69, "cannot be reached"),
        (json!({"url": "ftp://x"}), 64, "not an http or https URL"),
    ] {
        let said = harness.refused(PLUGIN, &parameters(&more), code).await;
        assert!(said.contains(told), "{said}");
    }
    assert!(is_empty(), "what is refused leaves nothing");
    serving.abort();
    harness.sweep().await;
}
