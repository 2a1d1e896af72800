//! What every call answers when all is well.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::platform::{Answer, Platform};

fn redacted() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[time]");
    settings.add_filter(r"\b[0-9][a-z0-9]{9}\b", "[deployment]");
    settings.add_filter(r"\b(prj|usr|tok|env|nod)_[0-9a-z]{26}\b", "[$1]");
    settings
}

#[tokio::test]
async fn a_deployment_has_every_field_from_the_beginning() {
    let platform = Platform::start().await;
    let body = json!({ "repository": "https://example.com/team/shop.git", "branch": "main" });
    let accepted = platform.call("POST", "/deployments", Some(body)).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let deployment = accepted.json();
    let id = deployment["id"].as_str().unwrap();
    assert_eq!(accepted.header("location"), format!("/api/v1/deployments/{id}"));
    redacted().bind(|| insta::assert_json_snapshot!("deployment", deployment));
    let project = platform.get("/projects/shop").await;
    redacted().bind(|| insta::assert_json_snapshot!("project", project));
    let mut shown = platform.get(&format!("/deployments/{id}?wait=0&until=terminal")).await;
    assert_eq!(shown["waiting"].take()["reason"], "node", "nobody is there to build it");
    assert_eq!(shown, deployment);
    assert_eq!(platform.get("/deployments").await, json!({ "items": [deployment], "next_cursor": null }));
    assert_eq!(platform.get("/deployments?state=QUEUED&state=FAILED").await["items"][0]["id"], id);
    assert_eq!(platform.get("/projects/shop/deployments?state=FAILED").await["items"], json!([]));
    assert_eq!(platform.get(&format!("/deployments/{id}/logs")).await, json!({ "lines": [], "next": 0 }));
    let events = platform.get(&format!("/deployments/{id}/events?limit=200")).await;
    assert_eq!(
        (&events["items"][0]["type"], &events["items"][0]["from"]),
        (&json!("deployment.queued"), &json!(null))
    );
    let slots = platform.get("/projects/shop/slots").await;
    assert_eq!(
        (&slots["items"][0]["name"], &slots["items"][0]["latest"]),
        (&json!("production"), &json!(id))
    );
    assert_eq!(platform.get("/projects/shop/slots/production").await, slots["items"][0]);

    let redeployed = platform.call("POST", &format!("/deployments/{id}/redeploy"), None).await;
    assert_eq!(redeployed.refusal(), (409, "deployment_state".to_owned()));
    assert_eq!(redeployed.json()["allowed"], json!(["FAILED", "INACTIVE"]));
    let cancelled = platform.call("POST", &format!("/deployments/{id}/cancel"), Some(json!({}))).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["cancel_requested"]), (202, &json!(true)));
    let failed = platform.get(&format!("/deployments/{id}?wait=60")).await;
    assert_eq!((&failed["state"], &failed["reason"]), (&json!("FAILED"), &json!("cancelled")));
    assert_eq!(failed["failure"]["code"], "cancelled");
    let again = platform.call("POST", &format!("/deployments/{id}/redeploy"), None).await;
    assert_eq!((again.status.as_u16(), &again.json()["trigger"]), (202, &json!("redeploy")));
    assert_eq!(platform.call("DELETE", &format!("/deployments/{id}"), None).await.status, 204);
    assert_eq!(platform.call("GET", &format!("/deployments/{id}"), None).await.status, 404);
    let second = again.json()["id"].as_str().unwrap().to_owned();
    let begun = platform.call("DELETE", &format!("/deployments/{second}"), None).await;
    assert_eq!(
        (begun.status.as_u16(), begun.header("location")),
        (202, &*format!("/api/v1/deployments/{second}"))
    );
    assert_eq!(platform.get("/verify").await["ok"], true);
    let deleted = platform.call("DELETE", "/projects/shop", None).await;
    assert_eq!((deleted.status.as_u16(), deleted.header("location")), (202, "/api/v1/projects/shop"));
    platform.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_that_hold_everything_once() {
    let platform = Platform::start().await;
    for index in 0..5 {
        let made = platform.call("POST", "/projects", Some(json!({ "name": format!("p{index}x") }))).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let (mut path, mut names) = ("/projects?limit=2&q=p".to_owned(), Vec::new());
    loop {
        let answer = platform.call("GET", &path, None).await;
        let page = answer.json();
        names.extend(
            page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(answer.header("link"), "");
            break;
        };
        let next = format!("/projects?limit=2&q=p&cursor={cursor}");
        assert_eq!(answer.header("link"), format!("</api/v1{next}>; rel=\"next\""));
        path = next;
    }
    assert_eq!(names, ["p0x", "p1x", "p2x", "p3x", "p4x"]);
    let other = path.replace("&q=p", "&q=x");
    assert_eq!(platform.call("GET", &other, None).await.refusal(), (400, "invalid_cursor".to_owned()));
    assert_eq!(platform.get("/projects?search=p3").await["items"].as_array().unwrap().len(), 1);
    platform.stop().await;
}

#[tokio::test]
async fn variables_go_in_and_secrets_do_not_come_out() {
    let platform = Platform::start().await;
    platform.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    let items = json!({ "items": [
        { "key": "ANSWER", "value": "42" },
        { "key": "TOKEN", "value": "hunter2", "secret": true, "exposure": "all" },
    ]});
    let put = platform.call("PUT", "/projects/shop/variables", Some(items)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let one = platform.call("PUT", "/projects/shop/variables/MORE", Some(json!({ "value": "1" }))).await;
    let kept = json!({ "key": "TOKEN", "value": null, "secret": true, "exposure": "runtime" });
    let kept = platform.call("PUT", "/projects/shop/variables/TOKEN", Some(kept)).await;
    for answer in [&put, &one, &kept] {
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    }
    redacted().bind(|| insta::assert_json_snapshot!("variables", kept.json()));
    let left = platform.call("DELETE", "/projects/shop/variables/MORE", None).await;
    assert_eq!(left.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(platform.call("DELETE", "/projects/shop/variables/MORE", None).await.status, 404);
    let previews = "/projects/shop/variables/ANSWER?slot=pr-*";
    let put = platform.call("PUT", previews, Some(json!({ "value": "hunter3", "secret": true }))).await;
    assert_eq!((put.status.as_u16(), put.text.contains("hunter3")), (200, false), "{}", put.text);
    let seen = platform.call("GET", "/projects/shop/variables?slot=pr-7&show=in_force", None).await;
    let places: Vec<_> =
        seen.json()["items"].as_array().unwrap().iter().map(|it| it["slot"].clone()).collect();
    assert_eq!(places, [json!("pr-*"), json!(null)], "{}", seen.text);
    for refused in ["?environment=nowhere", "?slot=A%20B", "?show=in_force", "?where=x"] {
        let path = format!("/projects/shop/variables{refused}");
        assert!(matches!(platform.call("GET", &path, None).await.status.as_u16(), 400 | 422), "{refused}");
    }
    platform.stop().await;
}

async fn once(platform: &Platform, key: &str, path: &str, body: &Value) -> Answer {
    let request = Request::post(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    platform.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn the_same_request_twice_is_carried_out_once() {
    let platform = Platform::start().await;
    let shop = json!({ "name": "shop" });
    let first = once(&platform, "k1", "/projects", &shop).await;
    let second = once(&platform, "k1", "/projects", &shop).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201), "{}", second.text);
    assert_eq!(first.text, second.text);
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    let other = once(&platform, "k1", "/projects", &json!({ "name": "other" })).await;
    assert_eq!(other.refusal(), (422, "idempotency_reuse".to_owned()));
    assert_eq!(once(&platform, "k 2", "/projects", &shop).await.status, 422, "not a key");

    let wrong = once(&platform, "k3", "/projects", &json!({ "name": "-" })).await;
    assert_eq!(wrong.status, 422);
    let right = once(&platform, "k3", "/projects", &json!({ "name": "right" })).await;
    assert_eq!(right.status, 201, "what was refused was not carried out: {}", right.text);

    let token = json!({ "name": "ci", "scopes": ["read"] });
    let shown = once(&platform, "k4", "/tokens", &token).await.json();
    let hidden = once(&platform, "k4", "/tokens", &token).await.json();
    assert!(shown["token"].as_str().unwrap().starts_with("phd_pat_"));
    assert_eq!((&hidden["id"], &hidden["token"]), (&shown["id"], &Value::Null), "a secret is not kept");
    assert_eq!(platform.get("/tokens").await["items"].as_array().unwrap().len(), 1);
    platform.stop().await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_headers_of_all_answers() {
    let platform = Platform::start().await;
    for (given, kept) in [("abc-123.X", true), ("a b", false), ("<script>", false), ("", false)] {
        for path in ["/healthz", "/api/v1/me", "/nope", "/api/docs"] {
            let request = Request::get(path).header("x-request-id", given).body(Body::empty()).unwrap();
            let answer = platform.send(request).await;
            assert_eq!(answer.header("x-request-id") == given, kept, "{given} {path}");
            assert_eq!(answer.header("pierhead-version"), env!("CARGO_PKG_VERSION"));
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        }
    }
    assert_eq!(platform.call("GET", "/me", None).await.header("cache-control"), "no-store");
    let head = Request::head("/healthz").body(Body::empty()).unwrap();
    assert_eq!(platform.send(head).await.text, "");
    let ready = platform.send(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()["database"].clone()),
        (503, json!(true)),
        "no ingress is here"
    );
    let metrics = platform.send(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    assert!(
        metrics.text.contains("pierhead_http_requests_total{method=\"GET\",status=\"404\"} 4"),
        "{}",
        metrics.text
    );
    let nodes = platform.get("/environments/local/nodes?limit=200").await;
    redacted().bind(|| insta::assert_json_snapshot!("nodes", nodes));
    let environments = platform.get("/environments").await;
    assert_eq!(environments["items"][0]["driver"], "docker");
    platform.stop().await;
}
