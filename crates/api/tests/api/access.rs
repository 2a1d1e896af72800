//! Who may call what: asked of every operation in the document, so that a new one cannot be forgotten.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::platform::{EMAIL, PASSWORD, Platform};

/// Open to strangers. Add to this list only with a reason why strangers need it.
const OPEN: &[&str] = &[
    "GET /",
    "GET /api/docs",
    // Who was invited has no account yet; the token of the invitation is asked for.
    "POST /api/v1/auth/accept",
    // Signing in, with a cookie as the answer.
    "POST /api/v1/auth/browser",
    // The same as without `browser`, with a cookie as the answer.
    "POST /api/v1/auth/browser/accept",
    "POST /api/v1/auth/browser/setup",
    // Providers send browsers back there; what it belongs to is sealed in a cookie.
    "GET /api/v1/auth/callback/{provider}",
    "POST /api/v1/auth/invitation",
    "POST /api/v1/auth/login",
    // What the sign-in page shows to everybody.
    "GET /api/v1/auth/options",
    // A command line that is not signed in yet; it gets a token only when somebody who is says so.
    "POST /api/v1/auth/device",
    "POST /api/v1/auth/device/token",
    // Who forgot their password cannot sign in.
    "POST /api/v1/auth/password/forgot",
    // The token of the link is asked for.
    "POST /api/v1/auth/password/reset",
    // Signing in with an account elsewhere.
    "POST /api/v1/auth/providers/{provider}",
    "POST /api/v1/auth/refresh",
    // Whoever is not signed in is told just that.
    "GET /api/v1/auth/session",
    "POST /api/v1/auth/setup",
    // Providers sign what they send.
    "POST /api/v1/hooks/{provider}",
    "POST /api/v1/hooks/{provider}/{project}",
    // Refused unless the installation takes everybody whose address a letter reaches.
    "POST /api/v1/auth/sign-up",
    "GET /api/v1/openapi.json",
    "GET /docs",
    "GET /docs/assets/{file}",
    "GET /docs/problems/{code}",
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    // Editors fetch it to complete and check what people type.
    "GET /schema/pipeline.json",
    // Ingresses send browsers there; who is not signed in is sent to the console.
    "GET /visit",
];

/// Every operation: method, path, and what the document says of it.
pub(crate) fn operations() -> Vec<(String, String, Value)> {
    let document = serde_json::to_value(pierhead_api::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if let Some(operation) = item.get(method) {
                operations.push((method.to_uppercase(), path.clone(), operation.clone()));
            }
        }
    }
    operations
}

/// With values for what is in braces.
pub(crate) fn filled(path: &str) -> String {
    path.replace("{id}", "1234567890")
        .replace("{code}", "internal")
        .replace("{provider}", "github")
        .replace("{number}", "7")
        .replace("{installation}", "7")
        .replace(['{', '}'], "")
}

fn request(method: &str, path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(filled(path));
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn strangers_are_refused_everywhere_but_where_they_are_meant_to_be() {
    let platform = Platform::start().await;
    let mut open = Vec::new();
    for (method, path, operation) in operations() {
        if path == "/api/v1/events" {
            continue;
        }
        let answer = platform.send(request(&method, &path, None)).await;
        if answer.status == 401 && operation["security"] != json!([]) {
            assert_eq!(answer.json()["code"], "unauthenticated", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
        } else {
            assert_eq!(operation["security"], json!([]), "{method} {path} lets strangers in");
            open.push(format!("{method} {path}"));
        }
    }
    open.sort_unstable();
    let mut expected: Vec<String> = OPEN.iter().map(|route| (*route).to_owned()).collect();
    expected.sort_unstable();
    assert_eq!(open, expected);
    platform.stop().await;
}

#[tokio::test]
async fn a_token_does_only_what_its_scopes_include() {
    let platform = Platform::start().await;
    let scopes = ["read", "write", "delete"];
    for included in scopes {
        let token = platform.token_with(&[included]).await;
        for (method, path, operation) in operations() {
            let Some(needed) = operation["x-scopes"][0].as_str() else { continue };
            if path == "/api/v1/auth/logout" && needed == included {
                continue;
            }
            let answer = platform.send(request(&method, &path, Some(&token))).await;
            let forbidden = answer.refusal() == (403, "forbidden".to_owned());
            assert_eq!(forbidden, needed != included, "{included}: {method} {path}: {}", answer.text);
        }
    }
    let token = platform.token_with(&["read", "write"]).await;
    let mightier = platform.call_as(&token, "POST", "/tokens", Some(json!({ "name": "x" }))).await;
    assert_eq!(mightier.refusal(), (403, "forbidden".to_owned()), "a token cannot make a mightier one");
    platform.stop().await;
}

#[tokio::test]
async fn what_is_not_a_good_token_is_refused() {
    let platform = Platform::start().await;
    let revoked = platform.token_with(&["read"]).await;
    let list = platform.get("/tokens").await;
    let id = list["items"][0]["id"].as_str().unwrap();
    assert_eq!(list["items"][0]["token"], Value::Null, "shown once");
    assert_eq!(platform.call("DELETE", &format!("/tokens/{id}"), None).await.status, 204);
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMDAifQ.";
    let long = "a".repeat(1 << 16);
    for token in [&revoked, "x", "phd_pat_", none, &long, &platform.token[..platform.token.len() - 2]] {
        let answer = platform.call_as(token, "GET", "/me", None).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated".to_owned()), "{token}");
        assert!(!answer.text.contains(token) || token == "x");
    }
    for value in ["Basic YTpi", "Bearer", "bearer  ", "Bearer \u{e9}"] {
        let request =
            Request::get("/api/v1/me").header(header::AUTHORIZATION, value).body(Body::empty()).unwrap();
        assert_eq!(platform.send(request).await.status, 401, "{value}");
    }
    let query = Request::get(format!("/api/v1/me?token={}", platform.token)).body(Body::empty()).unwrap();
    assert_eq!(platform.send(query).await.status, 401, "a token in an address is no token");
    platform.stop().await;
}

#[tokio::test]
async fn signing_in_refreshing_and_out() {
    let platform = Platform::start().await;
    let login = |password: &str| {
        let body = json!({ "email": EMAIL, "password": password });
        platform.call_as("", "POST", "/auth/login", Some(body))
    };
    let signed_in = login(PASSWORD).await.json();
    assert_eq!((&signed_in["token_type"], &signed_in["expires_in"]), (&json!("Bearer"), &json!(86_400)));
    let wrong = login("wrong").await;
    let unknown = json!({ "email": "nobody@example.com", "password": "wrong" });
    let unknown = platform.call_as("", "POST", "/auth/login", Some(unknown)).await;
    assert_eq!(wrong.refusal(), (401, "unauthenticated".to_owned()));
    assert_eq!(wrong.json()["detail"], unknown.json()["detail"], "nobody learns which addresses exist");

    let refresh = |token: &Value| {
        platform.call_as("", "POST", "/auth/refresh", Some(json!({ "refresh_token": token })))
    };
    let fresh = refresh(&signed_in["refresh_token"]).await.json();
    let access = fresh["access_token"].as_str().unwrap();
    assert_eq!(platform.call_as(access, "GET", "/me", None).await.json()["email"], EMAIL);
    assert_eq!(platform.call_as(access, "POST", "/auth/logout", None).await.status, 204);
    assert_eq!(platform.call_as(access, "GET", "/me", None).await.status, 401);
    assert_eq!(refresh(&fresh["refresh_token"]).await.status, 401);

    let mut limited = 0;
    for _ in 0..8 {
        let answer = login("wrong").await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
            limited += 1;
        }
    }
    assert!(limited > 0, "guessing is slowed down");
    let long = json!({ "email": EMAIL, "password": "a".repeat(10 << 20) });
    assert_eq!(platform.call_as("", "POST", "/auth/login", Some(long)).await.status, 413);
    platform.stop().await;
}
