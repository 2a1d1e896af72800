//! Pipelines and the catalogue on the command line.

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::terminal::Terminal;

const FILE: &str = "version: 1\nsteps:\n  web: {kind: service, image: 'nginx:1.27', public: 80}\n";

fn pipeline(version: u64) -> Value {
    json!({
        "version": version, "generated": version == 0,
        "pipeline": {"version": 1, "steps": {"web": {"kind": "service", "image": "nginx:1.27", "public": 80}}},
        "elevated": false, "message": "begin\u{1b}[2J", "created_by": "ada@example.com",
        "created_at": "2026-11-20T10:00:00Z", "warnings": [],
    })
}

fn problem() -> Value {
    json!({
        "severity": "error", "path": "steps.db.imge", "step": "db", "line": 3,
        "message": "`imge` is not a field of a service step", "suggestion": "image",
    })
}

#[test]
fn a_pipeline_is_shown_applied_checked_and_compared() {
    let saved = json!({"warnings": [{"severity": "warning", "path": "steps.web.image", "message": "`latest` is another image tomorrow"}]});
    let mut second = pipeline(2);
    second["warnings"] = saved["warnings"].clone();
    let changes = json!([
        {"path": "steps.web.image", "step": "web", "kind": "changed", "before": "nginx:1.26", "after": "nginx:1.27"},
        {"path": "steps.db", "step": "db", "kind": "added", "before": null, "after": {"kind": "service"}},
    ]);
    let dry_run = json!({
        "ok": false, "version": 2, "environment": "local", "problems": [problem()], "rounds": [["db", "mail"], ["web"]],
        "images": [{"image": "nginx:1.27", "steps": ["web"], "found": "yes", "detail": null}],
        "room": {"memory_mb": 768, "cpu": 1.5},
    });
    let fake = Fake::new()
        .on("GET /projects/shop/pipeline", 200, pipeline(0))
        .on("GET /projects/shop/pipeline/versions/1", 200, pipeline(1))
        .list("GET /projects/shop/pipeline/versions", json!([pipeline(2), pipeline(1)]))
        .on("PUT /projects/shop/pipeline", 201, second)
        .on(
            "POST /projects/shop/pipeline/validate",
            200,
            json!({"valid": false, "problems": [problem()], "rounds": []}),
        )
        .on("GET /projects/shop/pipeline/diff", 200, json!({"from": 1, "to": 2, "changes": changes}))
        .on("POST /projects/shop/pipeline/dry-run", 200, dry_run)
        .on("GET /templates/web", 200, json!({"name": "web", "pipeline": {"version": 1, "steps": {}}}));
    let terminal = Terminal::with(&fake).variable("PIERHEAD_PROJECT", "shop");
    terminal.write("pipeline.yaml", FILE);
    insta::assert_snapshot!(terminal.transcript(&[
        "pipelines",
        "pipelines show --version 1",
        "pipeline versions",
        "pipelines apply pipeline.yaml -m begin --if-version 1",
        "pipelines apply --template web",
        "pipelines apply",
        "pipelines apply missing.yaml",
        "pipelines validate pipeline.yaml",
        "pipelines diff",
        "pipelines dry-run --tag web=1.28 --parameter seed=small",
        "pipelines dry-run --tag web",
    ]));
    let asked = fake.asked("PUT /projects/shop/pipeline");
    assert_eq!(
        (asked[0].text.as_str(), asked[0].query.as_str()),
        (FILE, "message=begin"),
        "the text as it is"
    );
    assert_eq!(asked[0].headers["content-type"], "application/yaml");
    assert_eq!(asked[0].headers["if-match"], "\"1\"");
    assert_eq!(asked[1].body, json!({"version": 1, "steps": {}}));
    let asked = &fake.asked("POST /projects/shop/pipeline/dry-run")[0].body;
    assert_eq!((&asked["tags"], &asked["parameters"]), (&json!({"web": "1.28"}), &json!({"seed": "small"})));
}

#[test]
fn a_compose_file_is_brought_over_with_a_report() {
    let note = |path: &str, result: Value, reason: &str| json!([{"path": path, "line": 1, "result": result, "reason": reason}]);
    let report = json!({
        "pipeline": {"version": 1, "steps": {"web": {"kind": "service", "image": "nginx:1.29"}}},
        "translated": note("services.web.image", json!("steps.web.image"), "means the same"),
        "inferred": [],
        "ignored": note("services.web.container_name", Value::Null, "a service is reached by its step's name"),
        "refused": note("services.web.privileged", Value::Null, "root on the node"),
        "problems": [],
    });
    let fake = Fake::new().on("POST /import/compose", 200, report);
    let terminal = Terminal::with(&fake);
    terminal.write("docker-compose.yml", "services: {}\n");
    terminal.write(".env", "TAG=1.29\n");
    insta::assert_snapshot!(
        terminal.transcript(&["pipelines import", "pipelines import --env-file missing"])
    );
    let body = &fake.asked("POST /import/compose")[0].body;
    assert_eq!(body, &json!({"compose": "services: {}\n", "values": {"TAG": "1.29"}}));
}

#[test]
fn the_catalogue() {
    let service = json!({
        "name": "api", "image": "ghcr.io/acme/api:main", "selectable_tags": "main|v*", "description": null, "version": 4,
    });
    let plugin = json!({
        "name": "run-sql", "image": "ghcr.io/acme/run-sql", "description": "Runs SQL", "destroys": true, "version": 1,
    });
    let tags = json!({
        "items": [{"name": "v2", "created_at": "2026-11-20T10:00:00Z"}, {"name": "main", "created_at": null}],
        "next_cursor": null, "mode": "selectable", "pattern": "main|v*", "default": "main", "order": "created",
        "truncated": true, "age_s": 3, "stale": null,
    });
    let fake = Fake::new()
        .list("GET /services", json!([service.clone()]))
        .on("GET /services/api", 200, service.clone())
        .on("PUT /services/api", 200, service)
        .on("GET /services/api/tags", 200, tags)
        .on("DELETE /services/api", 204, Value::Null)
        .list("GET /plugins", json!([plugin.clone()]))
        .on("POST /plugins", 201, plugin);
    let terminal = Terminal::with(&fake);
    terminal.write("api.yaml", "name: api\nimage: ghcr.io/acme/api:main\n");
    terminal.write("plugin.json", "{\"name\": \"run-sql\", \"image\": \"ghcr.io/acme/run-sql\"}");
    terminal.write("nameless.yaml", "image: a\n");
    insta::assert_snapshot!(terminal.transcript(&[
        "services",
        "services show api",
        "services apply api.yaml",
        "services apply nameless.yaml",
        "services tags api --search v",
        "services delete api --yes",
        "plugins registered",
        "plugin register plugin.json",
        "plugins register run-sql",
        "plugins register run-sq",
    ]));
    assert_eq!(fake.asked("PUT /services/api")[0].headers["if-match"], "\"4\"");
    let made = fake.asked("POST /plugins");
    assert_eq!(
        (made.len(), &made[1].body["name"]),
        (2, &json!("run-sql")),
        "they were not there, so they are made"
    );
}

#[test]
fn registries_and_a_password_that_is_not_on_the_command_line() {
    let registry = json!({
        "name": "company", "host": "registry.example.com", "username": "ci", "plain_http": false, "version": 2,
    });
    let fake = Fake::new()
        .list("GET /registries", json!([registry.clone()]))
        .on("GET /registries/company", 200, registry.clone())
        .on("POST /registries", 201, registry.clone())
        .on("PUT /registries/company", 200, registry)
        .on("POST /registries/company/test", 200, json!({
            "ok": false, "authenticated": false,
            "problem": {"kind": "credentials_refused", "detail": "`registry.example.com` refuses the credentials"},
        }))
        .on("DELETE /registries/company", 204, Value::Null);
    let terminal = Terminal::with(&fake);
    insta::assert_snapshot!(terminal.transcript(&[
        "registries",
        "registries add company registry.example.com",
        "registries add company registry.example.com --username ci",
        "registries test company",
        "registries delete company --yes",
    ]));
    let output = terminal.run_with_input("registries set company --username ci --password-stdin", "s3cr3t\n");
    assert!(output.status.success(), "{output:?}");
    let asked = &fake.asked("PUT /registries/company")[0];
    assert_eq!(
        (&asked.body["password"], &asked.body["host"]),
        (&json!("s3cr3t"), &json!("registry.example.com"))
    );
    assert_eq!(asked.headers["if-match"], "\"2\"");
}

#[test]
fn copies_are_made_with_other_tags_and_kept_for_longer() {
    let copy = crate::fake::deployment(json!({"slot": "qa", "state": "QUEUED"}));
    let slot = |expires_at: Value| json!({"name": "qa", "environment": "local", "url": "https://x", "expires_at": expires_at});
    let fake = Fake::new()
        .on("POST /projects/shop/slots/main/clone", 202, copy.clone())
        .on("POST /projects/shop/slots/qa/extend", 200, slot(json!("2026-11-27T10:00:00Z")))
        .on("POST /projects/shop/slots/demo/extend", 200, slot(Value::Null))
        .on("POST /projects/shop/deployments", 202, copy)
        .list("GET /projects/shop/slots", json!([slot(json!("2026-11-27T10:00:00Z"))]));
    let terminal = Terminal::with(&fake).variable("PIERHEAD_PROJECT", "shop");
    insta::assert_snapshot!(terminal.transcript(&[
        "slots clone main qa --tag api=v3 --parameter seed=large --detach",
        "slots extend qa --lifetime 7d",
        "slots extend demo --lifetime forever",
        "slots extend demo --lifetime soon",
        "slots",
        "deploy --slot qa --tag api=v4 --detach",
    ]));
    let cloned = &fake.asked("POST /projects/shop/slots/main/clone")[0].body;
    assert_eq!(cloned, &json!({"slot": "qa", "tags": {"api": "v3"}, "parameters": {"seed": "large"}}));
    assert_eq!(fake.asked("POST /projects/shop/slots/qa/extend")[0].body, json!({"lifetime_s": 604_800}));
    assert_eq!(fake.asked("POST /projects/shop/slots/demo/extend")[0].body, json!({"lifetime_s": 0}));
    assert_eq!(
        fake.asked("POST /projects/shop/deployments")[0].body,
        json!({"slot": "qa", "tags": {"api": "v4"}})
    );
}
