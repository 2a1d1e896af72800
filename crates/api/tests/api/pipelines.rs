//! Pipelines of projects: versions, checks, differences, trials, and compose files.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::catalogue::{add_registry, registry};
use crate::platform::{Answer, Platform};

const YAML: &str = "\
version: 1
steps:
  db:
    kind: service
    image: postgres:16.4
    ports: [5432]
  api:
    kind: service
    service: api
    needs: [db]
    variables:
      URL: postgres://app:${{ secrets.DB_PASSWORD }}@${{ steps.db.outputs.host }}/app
";

async fn put_yaml(platform: &Platform, path: &str, text: &str, if_match: Option<&str>) -> Answer {
    let method = if path.ends_with("validate") { "POST" } else { "PUT" };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
        .header(header::CONTENT_TYPE, "application/yaml; charset=utf-8");
    if let Some(tag) = if_match {
        request = request.header(header::IF_MATCH, tag);
    }
    platform.send(request.body(Body::from(text.to_owned())).unwrap()).await
}

async fn platform_with_project() -> Platform {
    let platform = Platform::start().await;
    let project = platform.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    assert_eq!(project.status, 201, "{}", project.text);
    platform
}

async fn add_service(platform: &Platform, image: &str) {
    let service = json!({ "name": "api", "image": image, "selectable_tags": "main|v*", "public": 8080 });
    let made = platform.call("POST", "/services", Some(service)).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn versions_are_saved_shown_and_compared() {
    let platform = platform_with_project().await;
    let path = "/projects/shop/pipeline";
    assert_eq!(platform.call("GET", path, None).await.status, 404, "without a repository there is none");
    add_service(&platform, "ghcr.io/acme/api:main").await;

    let saved = put_yaml(&platform, path, YAML, Some("\"0\"")).await;
    assert_eq!((saved.status.as_u16(), saved.header("etag")), (201, "\"1\""), "{}", saved.text);
    assert_eq!(saved.header("location"), "/api/v1/projects/shop/pipeline/versions/1");
    let saved = saved.json();
    let api = &saved["pipeline"]["steps"]["api"];
    assert_eq!(
        (&api["image"], &api["public"]),
        (&json!("ghcr.io/acme/api:main"), &json!(8080)),
        "from the catalogue"
    );
    assert_eq!(saved["warnings"][0]["step"], "api", "the secret is not there yet: {saved}");
    assert_eq!(saved["warnings"][0]["line"], 12);

    let again = put_yaml(&platform, path, YAML, None).await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (200, "\"1\""), "the same is no new version");

    // What was answered can be changed and sent back.
    let mut answer = platform.get(path).await;
    answer["pipeline"]["steps"]["db"]["image"] = json!("postgres:17.0");
    answer["message"] = json!("newer database");
    let second = platform.call("PUT", path, Some(answer)).await;
    assert_eq!((second.status.as_u16(), &second.json()["message"]), (201, &json!("newer database")));
    let stale = put_yaml(&platform, path, &YAML.replace("16.4", "15.0"), Some("\"1\"")).await;
    assert_eq!(stale.refusal(), (412, "precondition_failed".to_owned()));

    let versions = platform.get("/projects/shop/pipeline/versions?limit=1").await;
    assert_eq!((&versions["items"][0]["version"], versions["next_cursor"].is_string()), (&json!(2), true));
    let cursor = versions["next_cursor"].as_str().unwrap();
    let older = platform.get(&format!("/projects/shop/pipeline/versions?limit=1&cursor={cursor}")).await;
    assert_eq!((&older["items"][0]["version"], &older["next_cursor"]), (&json!(1), &Value::Null));
    assert_eq!(platform.get("/projects/shop/pipeline/versions/1").await["pipeline"], saved["pipeline"]);
    for absent in ["3", "0", "x", "-1"] {
        let answer = platform.call("GET", &format!("/projects/shop/pipeline/versions/{absent}"), None).await;
        assert_eq!(answer.status, 404, "{absent}: {}", answer.text);
    }
    let diff = platform.get("/projects/shop/pipeline/diff").await;
    let change = json!({
        "path": "steps.db.image", "step": "db", "kind": "changed", "before": "postgres:16.4", "after": "postgres:17.0",
    });
    assert_eq!(diff, json!({ "from": 1, "to": 2, "changes": [change] }));
    assert_eq!(platform.get("/projects/shop/pipeline/diff?from=2&to=2").await["changes"], json!([]));

    assert_eq!(platform.call("DELETE", "/projects/shop", None).await.status, 202);
    let deleting = put_yaml(&platform, path, YAML, None).await;
    assert!([404, 409].contains(&deleting.status.as_u16()), "{}", deleting.text);
    platform.stop().await;
}

#[tokio::test]
async fn every_mistake_is_told_with_step_field_and_line() {
    let platform = platform_with_project().await;
    let text = "\
version: 1
steps:
  db: {kind: service, imge: 'postgres:16'}
  api: {kind: service, image: 'a:1', needs: [dbb], replicas: 0}
";
    let found = put_yaml(&platform, "/projects/shop/pipeline/validate", text, None).await.json();
    assert_eq!((&found["valid"], found["problems"].as_array().unwrap().len()), (&json!(false), 3), "{found}");
    let unknown = json!({
        "severity": "error", "path": "steps.db.imge", "step": "db", "line": 3,
        "message": "`imge` is not a field of a service step", "suggestion": "image",
    });
    assert!(found["problems"].as_array().unwrap().contains(&unknown), "{found}");

    let refused = put_yaml(&platform, "/projects/shop/pipeline", text, None).await;
    assert_eq!(refused.refusal(), (422, "validation".to_owned()));
    let error = &refused.json()["errors"][0];
    assert!(
        error["pointer"].as_str().unwrap().starts_with("/steps/")
            && error["detail"].as_str().unwrap().starts_with("line "),
        "{error}"
    );

    let cycle = json!({ "version": 1, "steps": {
        "a": { "kind": "service", "image": "a:1", "needs": ["b"] },
        "b": { "kind": "service", "image": "b:1", "needs": ["a"] },
    }});
    let found = platform.call("POST", "/projects/shop/pipeline/validate", Some(cycle)).await.json();
    assert!(found["problems"][0]["message"].as_str().unwrap().contains("wait for each other"), "{found}");
    for (kind, body, status) in [
        ("application/json", "{", 400),
        ("application/yaml", "", 400),
        ("text/html", "a", 415),
        ("application/yaml", "a: [", 422),
    ] {
        let request = Request::put("/api/v1/projects/shop/pipeline")
            .header(header::AUTHORIZATION, format!("Bearer {}", platform.token))
            .header(header::CONTENT_TYPE, kind);
        let answer = platform.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, status, "{kind} {body}: {}", answer.text);
    }
    platform.stop().await;
}

#[tokio::test]
async fn what_only_an_admin_may_give_is_refused_to_others() {
    let platform = platform_with_project().await;
    let token = platform.member_token().await;
    let pipeline = json!({ "version": 1, "steps": {
        "a": { "kind": "service", "image": "a:1", "privileges": { "privileged": true } },
    }});
    let unseen = platform.call_as(&token, "PUT", "/projects/shop/pipeline", Some(pipeline.clone())).await;
    assert_eq!(unseen.refusal(), (404, "not_found".to_owned()), "it is somebody else's");
    let given = json!({ "to": "grace@example.com" });
    assert_eq!(platform.call("POST", "/projects/shop/transfer", Some(given)).await.status, 200);
    let refused = platform.call_as(&token, "PUT", "/projects/shop/pipeline", Some(pipeline.clone())).await;
    assert_eq!(refused.refusal(), (422, "validation".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/steps/a/privileges/privileged");
    let saved = platform.call("PUT", "/projects/shop/pipeline", Some(pipeline)).await.json();
    assert_eq!((&saved["elevated"], &saved["warnings"][0]["severity"]), (&json!(true), &json!("warning")));
    platform.stop().await;
}

#[tokio::test]
async fn plugins_parameters_are_checked_when_a_pipeline_is_saved() {
    let platform = platform_with_project().await;
    let pipeline = |parameters: Value| {
        json!({ "version": 1, "steps": {
            "create": { "kind": "plugin", "image": "ghcr.io/acme/create-db:1.2", "parameters": parameters },
        }})
    };
    let path = "/projects/shop/pipeline";
    let unknown = platform.call("PUT", path, Some(pipeline(json!({})))).await;
    assert_eq!(unknown.json()["errors"][0]["pointer"], "/steps/create/image", "{}", unknown.text);
    let plugin = json!({
        "name": "create-db", "image": "ghcr.io/acme/create-db",
        "schema": {
            "type": "object", "required": ["name"],
            "properties": { "name": { "type": "string", "maxLength": 5 }, "port": { "type": "integer" } },
        },
    });
    assert_eq!(platform.call("POST", "/plugins", Some(plugin)).await.status, 201);
    for (parameters, pointer) in [
        (json!({}), "/steps/create/parameters"),
        (json!({ "name": "too long" }), "/steps/create/parameters/name"),
        (json!({ "name": "a", "prt": 1 }), "/steps/create/parameters/prt"),
    ] {
        let refused = platform.call("PUT", path, Some(pipeline(parameters))).await;
        assert_eq!(refused.refusal(), (422, "validation".to_owned()));
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{}", refused.text);
    }
    // What a reference stands for is known later, and checked then.
    let later = json!({ "name": "a", "port": "${{ deployment.id }}" });
    assert_eq!(platform.call("PUT", path, Some(pipeline(later))).await.status, 201);
    platform.stop().await;
}

#[tokio::test]
async fn a_dry_run_asks_registries_and_nodes_and_deploys_nothing() {
    let platform = platform_with_project().await;
    let host = registry().await;
    add_registry(&platform, &host).await;
    add_service(&platform, &format!("{host}/acme/api:main")).await;
    let text = format!(
        "version: 1\nparameters: {{mail: {{}}}}\nsteps:\n  api: {{kind: service, service: api, variables: {{A: '${{{{ parameters.mail }}}}', B: '${{{{ secrets.KEY }}}}'}}}}\n  db: {{kind: service, image: '{host}/acme/db:1'}}\n"
    );
    assert_eq!(put_yaml(&platform, "/projects/shop/pipeline", &text, None).await.status, 201);

    let tags = platform.get("/projects/shop/pipeline/services/api/tags").await;
    assert_eq!(tags["items"].as_array().unwrap().len(), 4);
    assert_eq!(platform.get("/projects/shop/pipeline/services/db/tags").await["mode"], "pinned");

    let path = "/projects/shop/pipeline/dry-run";
    let question = json!({ "tags": { "api": "v2" }, "parameters": { "mail": "a@b" } });
    let found = platform.call("POST", path, Some(question)).await.json();
    let told: Vec<String> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{}: {}", it["path"].as_str().unwrap(), it["message"].as_str().unwrap()))
        .collect();
    assert_eq!((&found["ok"], told.len()), (&json!(false), 3), "{told:#?}");
    assert!(told[0].starts_with("steps.api.variables.B: there is no secret `KEY` here"), "{told:#?}");
    assert!(told[1].starts_with("steps.db.image: "), "{told:#?}");
    assert!(told[2].starts_with(": no node of `local` is online"), "{told:#?}");
    let images: Vec<_> = found["images"].as_array().unwrap().iter().map(|it| it["found"].clone()).collect();
    assert_eq!(images, [json!("yes"), json!("no")], "{found}");
    assert_eq!(found["room"], json!({ "memory_mb": 1024, "cpu": 2.0 }));

    let wrong = json!({ "tags": { "api": "dev", "db": "2" }, "parameters": { "mial": "x" } });
    let found = platform.call("POST", path, Some(wrong)).await.json();
    let paths: Vec<_> =
        found["problems"].as_array().unwrap().iter().take(4).map(|it| it["path"].clone()).collect();
    assert_eq!(
        paths,
        [json!("tags.api"), json!("tags.db"), json!("parameters.mial"), json!("parameters.mail")]
    );
    let refused = platform.call("POST", path, Some(json!({ "environment": "nowhere" }))).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/environment");
    assert_eq!(platform.get("/deployments").await["items"], json!([]));
    platform.stop().await;
}

#[tokio::test]
async fn a_repository_has_a_generated_pipeline_until_one_is_saved() {
    let platform = Platform::start().await;
    let project = json!({ "name": "site", "source": { "repository": "https://example.com/site.git" } });
    assert_eq!(platform.call("POST", "/projects", Some(project)).await.status, 201);
    let generated = platform.get("/projects/site/pipeline").await;
    assert_eq!((&generated["version"], &generated["generated"]), (&json!(0), &json!(true)));
    assert_eq!(generated["pipeline"]["steps"]["service"]["build"], "build");
    let saved = platform.call("PUT", "/projects/site/pipeline", Some(generated)).await;
    assert_eq!((saved.status.as_u16(), &saved.json()["version"]), (201, &json!(1)), "{}", saved.text);
    assert_eq!(platform.get("/projects/site/pipeline/diff?from=0&to=1").await["changes"], json!([]));
    platform.stop().await;
}

#[tokio::test]
async fn templates_are_kept_and_compose_files_brought_over() {
    let platform = platform_with_project().await;
    let compose = "services:\n  web:\n    image: nginx:${TAG:-1.27}\n    ports: ['8080:80']\n    container_name: x\n    privileged: true\n";
    let body = json!({ "compose": compose, "values": { "TAG": "1.29" } });
    let report = platform.call("POST", "/import/compose", Some(body)).await;
    assert_eq!(report.status, 200, "{}", report.text);
    let report = report.json();
    assert_eq!(report["pipeline"]["steps"]["web"]["image"], "nginx:1.29");
    assert_eq!(report["ignored"][0]["path"], "services.web.container_name");
    assert_eq!(report["refused"][0]["path"], "services.web.privileged");
    assert_eq!(report["inferred"].as_array().unwrap().len(), 2);
    let nothing = platform.call("POST", "/import/compose", Some(json!({ "compose": "services: {}" }))).await;
    assert_eq!(nothing.refusal(), (422, "validation".to_owned()));

    let template = json!({ "name": "web", "pipeline": report["pipeline"] });
    let kept = platform.call("POST", "/templates", Some(template)).await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    let template = platform.get("/templates/web").await;
    let saved = platform.call("PUT", "/projects/shop/pipeline", Some(template["pipeline"].clone())).await;
    assert_eq!(saved.status, 201, "{}", saved.text);
    assert_eq!(platform.get("/templates?limit=200").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(platform.call("DELETE", "/templates/web", None).await.status, 204);

    let schema = platform.send(Request::get("/schema/pipeline.json").body(Body::empty()).unwrap()).await;
    assert_eq!((schema.status.as_u16(), schema.header("content-type")), (200, "application/schema+json"));
    assert_eq!(schema.json()["$id"], "https://pierhead.dev/schema/pipeline.json");
    platform.stop().await;
}
