//! Registries, services and plugins, with a registry that is real enough to be asked.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::platform::Platform;

/// A registry with one account, `ci:hunter2`, one repository, `acme/api`, and no TLS. Returns its host.
pub(crate) async fn registry() -> String {
    async fn answer(request: Request) -> Response {
        // Base64 of `ci:hunter2`.
        let known =
            request.headers().get(header::AUTHORIZATION).is_some_and(|it| it == "Basic Y2k6aHVudGVyMg==");
        if !known {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")];
            return (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "errors": [] }))).into_response();
        }
        match request.uri().path() {
            "/v2/" => Json(json!({})).into_response(),
            "/v2/acme/api/tags/list" => {
                Json(json!({ "name": "acme/api", "tags": ["main", "v1", "v2", "v10", "dev"] }))
                    .into_response()
            }
            "/v2/acme/api/manifests/v2" => {
                let digest = format!("sha256:{}", "0a".repeat(32));
                ([("docker-content-digest", digest)], "").into_response()
            }
            _ => (StatusCode::NOT_FOUND, Json(json!({ "errors": [{ "code": "MANIFEST_UNKNOWN" }] })))
                .into_response(),
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address.to_string()
}

pub(crate) async fn add_registry(platform: &Platform, host: &str) {
    let body = json!({ "name": "company", "host": host, "username": "ci", "password": "hunter2", "plain_http": true });
    let made = platform.call("POST", "/registries", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("location"), "/api/v1/registries/company");
    assert!(!made.text.contains("hunter2"));
}

#[tokio::test]
async fn the_public_registries_are_there_and_a_private_one_is_tested() {
    let platform = Platform::start().await;
    let list = platform.get("/registries?limit=200").await;
    let names: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|it| it["host"].as_str().unwrap()).collect();
    assert_eq!(names, ["docker.io", "ghcr.io", "quay.io"]);

    let host = registry().await;
    add_registry(&platform, &host).await;
    let test = async || platform.call("POST", "/registries/company/test", None).await.json();
    assert_eq!(test().await, json!({ "ok": true, "authenticated": true, "problem": null }));

    // The password is kept for its account, and asked for with another one.
    let change = json!({ "name": "company", "host": host, "username": "ci", "plain_http": true });
    let changed = platform.call("PUT", "/registries/company", Some(change.clone())).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["version"]), (200, &json!(2)), "{}", changed.text);
    assert_eq!(test().await["ok"], true);
    for (field, value) in [("username", json!("other")), ("host", json!("elsewhere.example.com"))] {
        let mut change = change.clone();
        change[field] = value;
        let refused = platform.call("PUT", "/registries/company", Some(change)).await;
        assert_eq!(refused.refusal(), (422, "validation".to_owned()));
        assert_eq!(refused.json()["errors"][0]["pointer"], "/password");
    }
    let wrong =
        json!({ "name": "company", "host": host, "username": "ci", "password": "x", "plain_http": true });
    assert_eq!(platform.call("PUT", "/registries/company", Some(wrong)).await.status, 200);
    assert_eq!(test().await["problem"]["kind"], "credentials_refused");

    let again = json!({ "name": "second", "host": host, "plain_http": true });
    let refused = platform.call("POST", "/registries", Some(again)).await;
    assert_eq!(refused.refusal(), (409, "conflict".to_owned()));
    assert_eq!(platform.call("DELETE", "/registries/company", None).await.status, 204);
    assert_eq!(platform.call("GET", "/registries/company", None).await.status, 404);
    platform.stop().await;
}

#[tokio::test]
async fn services_are_described_once_and_their_tags_come_live() {
    let platform = Platform::start().await;
    let host = registry().await;
    let service = json!({
        "name": "api", "image": format!("{host}/acme/api:main"), "selectable_tags": "main|v*",
        "ports": [9090], "public": 8080, "variables": { "LOG": "info" },
    });
    let made = platform.call("POST", "/services", Some(service.clone())).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["tag_mode"], &made["ports"]), (&json!("selectable"), &json!([8080, 9090])));

    let without_account = platform.call("GET", "/services/api/tags", None).await;
    assert_eq!(without_account.refusal(), (502, "registry_failed".to_owned()), "{}", without_account.text);

    add_registry(&platform, &host).await;
    let tags = platform.get("/services/api/tags?refresh=true").await;
    let names: Vec<&str> =
        tags["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 4, "{tags}");
    assert!(!names.contains(&"dev") && names.contains(&"main"));
    assert_eq!((&tags["mode"], &tags["default"]), (&json!("selectable"), &json!("main")));
    assert_eq!(platform.get("/services/api/tags?q=v1&limit=1").await["truncated"], true);

    // An answer can be changed and sent back.
    let mut answer = platform.get("/services/api").await;
    answer["selectable_tags"] = Value::Null;
    let changed = platform.call("PUT", "/services/api", Some(answer)).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["version"]), (200, &json!(2)), "{}", changed.text);
    let pinned = platform.get("/services/api/tags").await;
    assert_eq!((&pinned["mode"], &pinned["items"][0]["name"]), (&json!("pinned"), &json!("main")));

    let bad = json!({ "name": "bad", "image": "x", "needs": ["a"], "portz": [1] });
    let refused = platform.call("POST", "/services", Some(bad)).await;
    let pointers: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, [json!("/needs"), json!("/image"), json!("/portz")], "{}", refused.text);
    assert_eq!(platform.call("POST", "/services", Some(service)).await.refusal().0, 409);
    assert_eq!(platform.call("DELETE", "/services/api", None).await.status, 204);
    assert_eq!(platform.get("/services").await["items"], json!([]));
    platform.stop().await;
}

#[tokio::test]
async fn a_plugin_needs_a_schema_that_is_one() {
    let platform = Platform::start().await;
    let plugin =
        |schema: Value| json!({ "name": "run-sql", "image": "ghcr.io/acme/run-sql", "schema": schema });
    for schema in
        [json!({ "properties": { "a": { "type": "strin" } } }), json!({ "$ref": "http://127.0.0.1/" })]
    {
        let refused = platform.call("POST", "/plugins", Some(plugin(schema))).await;
        assert_eq!(refused.refusal(), (422, "validation".to_owned()));
        assert_eq!(refused.json()["errors"][0]["pointer"], "/schema");
    }
    let made = platform.call("POST", "/plugins", Some(plugin(json!({ "properties": { "url": {} } })))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let answer = platform.get("/plugins/run-sql").await;
    assert_eq!((&answer["timeout_s"], &answer["network"]), (&json!(300), &json!("deployment")));
    let other = json!({ "name": "other", "image": "ghcr.io/acme/run-sql" });
    assert_eq!(
        platform.call("POST", "/plugins", Some(other)).await.refusal(),
        (409, "name_taken".to_owned())
    );
    let tagged = json!({ "name": "x", "image": "ghcr.io/acme/x:1" });
    assert_eq!(
        platform.call("POST", "/plugins", Some(tagged)).await.json()["errors"][0]["pointer"],
        "/image"
    );
    assert_eq!(platform.call("PUT", "/plugins/run-sql", Some(answer)).await.status, 200);
    assert_eq!(platform.call("DELETE", "/plugins/run-sql", None).await.status, 204);
    platform.stop().await;
}

#[tokio::test]
async fn only_admins_change_the_catalogue() {
    let platform = Platform::start().await;
    let token = platform.member_token().await;
    for (method, path, body) in [
        ("GET", "/registries", Value::Null),
        ("GET", "/registries/ghcr", Value::Null),
        ("POST", "/registries", json!({ "name": "a", "host": "a.example.com" })),
        ("PUT", "/registries/ghcr", json!({ "name": "ghcr", "host": "ghcr.io" })),
        ("DELETE", "/registries/ghcr", Value::Null),
        ("POST", "/registries/ghcr/test", Value::Null),
        ("POST", "/services", json!({ "name": "a", "image": "a:1" })),
        ("PUT", "/services/a", json!({ "name": "a", "image": "a:1" })),
        ("DELETE", "/services/a", Value::Null),
        ("POST", "/plugins", json!({ "name": "a", "image": "a" })),
        ("PUT", "/plugins/a", json!({ "name": "a", "image": "a" })),
        ("DELETE", "/plugins/a", Value::Null),
        ("POST", "/templates", json!({ "name": "a", "pipeline": {} })),
        ("DELETE", "/templates/a", Value::Null),
    ] {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = platform.call_as(&token, method, path, body).await;
        assert_eq!(answer.refusal(), (403, "forbidden".to_owned()), "{method} {path}: {}", answer.text);
    }
    for path in ["/services", "/plugins", "/templates"] {
        assert_eq!(platform.call_as(&token, "GET", path, None).await.status, 200, "{path}");
    }
    platform.stop().await;
}
