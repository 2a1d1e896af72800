//! Lists and single things: tables for people and `awk`, documents for programs.

use serde_json::json;

use crate::fake::{Fake, deployment, slot};
use crate::terminal::Terminal;

fn project() -> serde_json::Value {
    json!({
        "id": "prj_1", "name": "shop", "url": "https://shop.example.com", "live": "3x9mq2p7ab", "deleting": false, "version": 3,
        "source": {"repository": "https://example.com/team/shop.git", "branch": null, "root_directory": "."},
        "limits": {"memory_mb": 512}, "sleep_after_s": 900, "created_at": "2026-11-01T08:00:00Z",
    })
}

#[test]
fn projects() {
    let fake = Fake::new()
        .list("GET /projects", json!([project()]))
        .on("GET /projects/shop", 200, project())
        .on("POST /projects", 201, project())
        .on("PATCH /projects/shop", 200, project())
        .on("DELETE /projects/shop", 202, json!(null));
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&[
        "projects list",
        "ls --json=name,live",
        "projects show shop",
        "apps:create shop --repository https://example.com/team/shop.git --memory-mb 256",
        "projects update shop --sleep-after-s 0 --build-command 'make all'",
        "projects update shop",
        "projects delete shop",
        "projects delete shop --confirm other",
        "projects delete shop --confirm shop",
        "projects show nothing",
    ]));
    let created = &fake.asked("POST /projects")[0].body;
    let expected = json!({"source": {"repository": "https://example.com/team/shop.git"}, "limits": {"memory_mb": 256}, "name": "shop"});
    assert_eq!(created, &expected);
    assert_eq!(
        fake.asked("PATCH /projects/shop")[0].body,
        json!({"build": {"build_command": "make all"}, "sleep_after_s": 0})
    );
    assert_eq!(fake.asked("DELETE /projects/shop").len(), 1);
}

#[test]
fn deployments_and_slots() {
    let failed = deployment(json!({
        "id": "2bbbbbbbbb", "number": 17, "state": "FAILED", "conditions": {"offline": true},
        "reason": "out_of_memory", "failure": {"code": "out_of_memory", "detail": "It used 512 of 512 MB."},
        "steps": [{"name": "build", "started_at": "2026-11-20T10:00:01Z", "finished_at": "2026-11-20T10:00:09Z", "exit_code": 137, "note": null}],
    }));
    let events = json!([
        {"sequence": 1, "at": "2026-11-20T10:00:00Z", "type": "deployment.state", "from": null, "to": "QUEUED", "reason": null},
        {"sequence": 2, "at": "2026-11-20T10:00:09Z", "type": "deployment.state", "from": "BUILDING", "to": "FAILED", "reason": "out_of_memory"},
    ]);
    let fake = Fake::new()
        .list("GET /projects/shop/deployments", json!([deployment(json!({})), failed]))
        .list("GET /projects/shop/slots", json!([slot("3x9mq2p7ab")]))
        .on("GET /deployments/3x9mq2p7ab", 200, deployment(json!({})))
        .on("GET /deployments/2bbbbbbbbb", 200, failed)
        .list("GET /deployments/2bbbbbbbbb/events", events)
        .on("DELETE /deployments/2bbbbbbbbb", 204, json!(null))
        .on("DELETE /projects/shop/slots/pr-1", 202, json!(null));
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&[
        "deployments list -p shop",
        "releases -a shop --state failed",
        "deployments show 2bbbbbbbbb",
        "inspect https://shop.example.com -p shop",
        "deployments events v17 -p shop",
        "deployments delete v17 -p shop",
        "deployments delete v17 -p shop --yes",
        "deployments show v99 -p shop",
        "slots list -p shop",
        "slots delete pr-1 -p shop --confirm pr-1",
        "status -p shop",
        "ps -p shop",
        "open -p shop",
        "open 3x9mq2p7ab",
        "dashboard",
    ]));
    assert!(fake.asked("GET /projects/shop/deployments")[1].query.contains("state=FAILED"));
}

#[test]
fn pages_are_followed() {
    let fake = Fake::new()
        .on("GET /projects", 200, json!({"items": [{"name": "a"}], "next_cursor": "c1"}))
        .on("GET /projects", 200, json!({"items": [{"name": "b"}], "next_cursor": null}));
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["projects list --json"]));
    assert!(fake.asked("GET /projects")[1].query.contains("cursor=c1"));
}

#[test]
fn platform() {
    let token = json!({"id": "tok_1", "name": "ci", "prefix": "phd_pat_ab", "scopes": ["read", "write"], "expires_at": "2027-02-18T10:00:00Z", "last_used_at": null});
    let mut created = token.clone();
    created["token"] = json!("phd_pat_abcdef");
    let node = json!({"id": "nod_1", "name": "local", "status": "online", "online_since": "2026-11-20T10:00:00Z", "machine": {"cpu_cores": 2, "memory_mb": 7900}, "usage": {"cpu": 0.25, "memory_mb": 2100}});
    let fake = Fake::new()
        .list("GET /tokens", json!([token]))
        .on("POST /tokens", 201, created)
        .on("DELETE /tokens/tok_1", 204, json!(null))
        .list(
            "GET /environments",
            json!([{"id": "env_1", "name": "local", "base_domain": "localhost", "driver": "docker"}]),
        )
        .list("GET /environments/local/nodes", json!([node]));
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&[
        "tokens list",
        "tokens create ci --scope read,write --expires 90d",
        "tokens revoke tok_1",
        "environments list",
        "nodes list",
    ]));
    assert_eq!(
        fake.asked("POST /tokens")[0].body,
        json!({"name": "ci", "scopes": ["read", "write"], "expires_in_s": 7_776_000})
    );
}

#[test]
fn invariants() {
    let good = json!({"id": "I1", "name": "one production deployment per slot", "ok": true, "detail": null});
    let bad =
        json!({"id": "I2", "name": "no orphans", "ok": false, "detail": "container 4f2a is not wanted"});
    let fake = Fake::new().on("GET /verify", 200, json!({"ok": true, "checks": [good]})).on(
        "GET /verify",
        200,
        json!({"ok": false, "checks": [good, bad]}),
    );
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["verify", "verify"]));
}

#[test]
fn raw_calls() {
    let fake = Fake::new().on("POST /projects", 201, json!({"name": "shop"})).on(
        "DELETE /projects/shop",
        204,
        json!(null),
    );
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&[
        "api POST projects -f name=shop -f sleep_after_s=0",
        "api delete /api/v1/projects/shop",
        "api GET nothing",
        "api GET http://evil.example.com/",
    ]));
    assert_eq!(fake.asked("POST /projects")[0].body, json!({"name": "shop", "sleep_after_s": 0}));
}
