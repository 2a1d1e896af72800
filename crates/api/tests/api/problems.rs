//! Bad input of every kind, and the exact document that it gets.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use crate::platform::Platform;

/// What differs from run to run.
fn redacted() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"[0-9a-f]{32}", "[request]");
    settings.add_filter(r"\b[0-9][a-z0-9]{9}\b", "[deployment]");
    settings
}

#[tokio::test]
async fn every_bad_input_gets_a_document_that_says_what_is_wrong() {
    let platform = Platform::start().await;
    platform.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    let deep = "[".repeat(5_000);
    let big = format!("{{\"name\":\"{}\"}}", "a".repeat(2 << 20));
    let json = "application/json";
    let cases: Vec<(&str, &str, &str, &str, &str)> = vec![
        ("not json", "POST", "/projects", json, "{\"name\": "),
        ("text after json", "POST", "/projects", json, "{\"name\":\"a\"} {}"),
        ("not utf-8 escapes", "POST", "/projects", json, "{\"name\":\"\\ud800\"}"),
        ("deep nesting", "POST", "/projects", json, &deep),
        ("2 MiB body", "POST", "/projects", json, &big),
        ("no body", "POST", "/projects", "", ""),
        ("a form", "POST", "/projects", "application/x-www-form-urlencoded", "name=shop"),
        ("no content type", "POST", "/projects", "", "{\"name\":\"shop\"}"),
        ("unknown field", "POST", "/projects", json, r#"{"name":"a","nmae":"b"}"#),
        ("unknown field inside", "POST", "/projects", json, r#"{"name":"a","limits":{"memory":1}}"#),
        ("wrong type", "POST", "/projects", json, r#"{"name":"a","limits":{"memory_mb":"much"}}"#),
        ("a list", "POST", "/projects", json, "[]"),
        ("negative limit", "POST", "/projects", json, r#"{"name":"a","limits":{"memory_mb":-1}}"#),
        (
            "limits out of range",
            "POST",
            "/projects",
            json,
            r#"{"name":"-","limits":{"memory_mb":1,"cpu":1000},"health":{"path":"x"}}"#,
        ),
        (
            "bad source",
            "POST",
            "/projects",
            json,
            r#"{"name":"a","source":{"repository":"file:///etc","branch":"-x","root_directory":"../.."}}"#,
        ),
        ("name taken", "POST", "/projects", json, r#"{"name":"shop"}"#),
        ("patch with an unknown field", "PATCH", "/projects/shop", json, r#"{"team":"x"}"#),
        ("patch with a wrong type", "PATCH", "/projects/shop", json, r#"{"limits":{"cpu":"2"}}"#),
        ("patch that is a list", "PATCH", "/projects/shop", json, "[1]"),
        ("deep patch", "PATCH", "/projects/shop", json, &deep),
        ("a list for an object", "POST", "/projects", json, r#"{"name":"a","limits":[]}"#),
        ("lists of lists", "PUT", "/projects/shop/variables", json, r#"[["A","1",false]]"#),
        ("mass assignment", "PATCH", "/projects/shop", json, r#"{"version":7,"deleting":true}"#),
        ("page too big", "GET", "/projects?limit=999999999", "", ""),
        ("page beyond numbers", "GET", "/projects?limit=99999999999999", "", ""),
        ("page of nothing", "GET", "/projects?limit=0", "", ""),
        ("bad cursor", "GET", "/projects?cursor=%27%20OR%201=1", "", ""),
        ("unknown parameter", "GET", "/projects?limt=1", "", ""),
        ("unknown state", "GET", "/deployments?state=live", "", ""),
        ("slot without project", "GET", "/deployments?slot=production", "", ""),
        ("bad id", "GET", "/deployments/nope", "", ""),
        ("path out of it", "GET", "/projects/..%2f..%2fetc%2fpasswd", "", ""),
        ("path that is no text", "GET", "/projects/%ff", "", ""),
        ("no such call", "GET", "/nope", "", ""),
        ("no such method", "PUT", "/projects/shop", json, "{}"),
        ("bad log limit", "GET", "/deployments/1234567890/logs?limit=10001", "", ""),
        ("bad wait", "GET", "/deployments/1234567890?wait=3600", "", ""),
        ("no such environment", "POST", "/projects/shop/deployments", json, r#"{"environment":"moon"}"#),
        ("no source", "POST", "/projects/shop/deployments", "", ""),
        ("option as branch", "POST", "/deployments", json, r#"{"repository":"https://h/x","branch":"--x"}"#),
        ("nothing to build", "POST", "/detect", json, r#"{"repository":"https://h/x"}"#),
        (
            "bad variables",
            "PUT",
            "/projects/shop/variables",
            json,
            r#"{"items":[{"key":"A","value":"1"},{"key":"1","value":""},{"key":"PATH","value":"/"}]}"#,
        ),
        ("variable without value", "PUT", "/projects/shop/variables/KEY", json, "{}"),
        (
            "variable twice named",
            "PUT",
            "/projects/shop/variables/KEY",
            json,
            r#"{"key":"OTHER","value":"1"}"#,
        ),
        (
            "unknown exposure",
            "PUT",
            "/projects/shop/variables/KEY",
            json,
            r#"{"value":"1","exposure":"moon"}"#,
        ),
        ("variables that are text", "PUT", "/projects/shop/variables", json, "\"x\""),
        ("web socket without upgrade", "GET", "/events", "", ""),
    ];
    let mut documents = Vec::new();
    for (name, method, path, content_type, body) in cases {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
            .header(header::CONTENT_TYPE, content_type);
        let answer = platform.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        assert!(!answer.status.is_success(), "{name}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        assert_eq!(answer.json()["status"], answer.status.as_u16(), "{name}");
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"), "{name}");
        documents
            .push(json!({ "case": name, "request": format!("{method} {path}"), "problem": answer.json() }));
    }
    redacted().bind(|| insta::assert_json_snapshot!("bad_input", documents));
    platform.stop().await;
}

#[tokio::test]
async fn what_is_wrong_inside_is_not_told() {
    let platform = Platform::start().await;
    for path in
        ["/projects/'%20OR%201=1--", "/deployments?cursor=eyJhIjoxfQ", "/projects/%00/slots/%F0%9F%92%A9"]
    {
        let answer = platform.call("GET", path, None).await;
        for word in ["SELECT", "sqlx", "sqlite", "panicked", "/src/", "serde"] {
            assert!(!answer.text.contains(word), "{path}: {}", answer.text);
        }
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
    }
    platform.stop().await;
}

#[tokio::test]
async fn a_stale_change_is_refused_with_what_is_there() {
    let platform = Platform::start().await;
    let made = platform.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    assert_eq!((made.header("etag"), made.header("location")), ("\"1\"", "/api/v1/projects/shop"));
    let change = |tag: &str| {
        let request = Request::patch("/api/v1/projects/shop")
            .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
            .header(header::CONTENT_TYPE, "application/merge-patch+json")
            .header(header::IF_MATCH, tag);
        platform.send(request.body(Body::from(r#"{"limits":{"memory_mb":64}}"#)).unwrap())
    };
    let changed = change("\"1\"").await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""), "{}", changed.text);
    let stale = change("\"1\"").await;
    assert_eq!(stale.refusal(), (412, "precondition_failed".to_owned()));
    assert_eq!(stale.json()["current"]["limits"]["memory_mb"], 64);
    assert_eq!(stale.json()["current"]["version"], 2);
    assert_eq!(change("*").await.status, 200);
    assert_eq!(change("W/\"3\"").await.refusal(), (400, "malformed".to_owned()));

    let variables = platform.call("GET", "/projects/shop/variables", None).await;
    let set = |tag: String| {
        let request = Request::put("/api/v1/projects/shop/variables")
            .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, tag);
        platform.send(request.body(Body::from(r#"[{"key":"A","value":"1"}]"#)).unwrap())
    };
    assert_eq!(set(variables.header("etag").to_owned()).await.status, 200);
    let stale = set(variables.header("etag").to_owned()).await;
    assert_eq!(stale.refusal(), (412, "precondition_failed".to_owned()));
    assert_eq!(stale.json()["current"]["items"][0]["key"], "A");
    platform.stop().await;
}
