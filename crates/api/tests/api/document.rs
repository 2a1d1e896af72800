//! The OpenAPI document is checked in, is complete, and is true.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Request, header};
use pierhead_model::access::Role;
use serde_json::{Value, json};

use crate::access::{filled, operations};
use crate::platform::Platform;

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let path = Path::new("../../openapi/pierhead.json");
    let generated = pierhead_api::openapi_text();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, &generated).unwrap();
    }
    let checked_in = fs_err::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "openapi/pierhead.json differs from the code. If that is meant: UPDATE_OPENAPI=1 cargo test -p pierhead-api\n{}",
        similar_asserts::SimpleDiff::from_str(&checked_in, &generated, "checked in", "generated")
    );
}

#[test]
fn every_route_is_made_from_a_documented_handler() {
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                // Git's own protocol is documented by git.
                && !path.ends_with("git.rs")
            {
                let text = fs_err::read_to_string(&path).unwrap();
                let undocumented = [".route(", ".route_service(", ".nest_service("];
                let found = undocumented.iter().find(|call| text.contains(**call));
                assert_eq!(found, None, "{} has a route without documentation", path.display());
            }
        }
    }
}

#[tokio::test]
async fn every_operation_is_a_route_and_says_who_may_call_it() {
    let platform = Platform::start().await;
    let mut ids = Vec::new();
    for (method, path, operation) in operations() {
        let request = Request::builder()
            .method(&*method)
            .uri(filled(&path))
            .header(header::AUTHORIZATION, format!("Bearer {}", platform.token));
        if path == "/api/v1/auth/logout" {
            continue;
        }
        let answer = platform.send(request.body(Body::empty()).unwrap()).await;
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(!detail.contains("There is no such call"), "{method} {path} is no route");
        assert_ne!(answer.status, 405, "{method} {path} is no route");
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.ends_with('.')), "{id}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{id}");
        assert!(operation["responses"]["default"].is_object(), "{id} does not say what a problem looks like");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["in"].is_string() && parameter["schema"].is_object(), "{id}: {parameter}");
        }
        if operation["responses"]["200"].to_string().contains("/List_") {
            assert!(
                operation["parameters"].to_string().contains("\"cursor\""),
                "{id} is a list without pages"
            );
        }
        ids.push(id);
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
    platform.stop().await;
}

#[tokio::test]
async fn every_example_is_understood() {
    let platform = Platform::start().await;
    let project = json!({ "name": "project", "source": { "repository": "https://example.com/project" } });
    platform.call("POST", "/projects", Some(project)).await;
    platform.call("POST", "/teams", Some(json!({ "name": "team" }))).await;
    platform.member_token().await;
    let grace = platform.store.user_by_email("grace@example.com").await.unwrap().unwrap().id;
    let team = platform.store.team_by_name("team").await.unwrap().unwrap().id;
    platform.store.member_put(&team, &grace, Role::Developer, jiff::Timestamp::now()).await.unwrap();
    let document = serde_json::to_value(pierhead_api::openapi()).unwrap();
    let mut tried = 0;
    for (method, path, operation) in operations() {
        let Some((kind, content)) =
            operation["requestBody"]["content"].as_object().and_then(|contents| contents.iter().next())
        else {
            continue;
        };
        // Bytes as they are have no example.
        let Some(schema) = content["schema"]["$ref"].as_str() else { continue };
        let name = schema.rsplit('/').next().unwrap();
        // A key or a code in an example would be one that somebody uses.
        if matches!(name, "CertificateRequest" | "GithubAppRequest" | "GithubConversionRequest") {
            continue;
        }
        let example = &document["components"]["schemas"][name]["example"];
        assert_ne!(*example, Value::Null, "{name} has no example");
        if path == "/api/v1/auth/logout" {
            continue;
        }
        let path = filled(&path);
        let request = Request::builder()
            .method(&*method)
            .uri(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
            .header(header::CONTENT_TYPE, kind);
        let answer = platform.send(request.body(Body::from(example.to_string())).unwrap()).await;
        let (status, code) = answer.refusal();
        let refused = matches!(status, 400 | 413 | 415) || code == "validation";
        assert!(!refused, "{method} {path} refuses its own example: {}", answer.text);
        tried += 1;
    }
    assert!(tried >= 10, "{tried}");
    platform.stop().await;
}
