//! `deploy` and what follows a deployment: the transcripts, the one line on stdout, the exit codes.

use serde_json::{Value, json};

use crate::fake::{Fake, Then, deployment, line, line_event, slot};
use crate::terminal::Terminal;

fn plan() -> Value {
    json!({
        "framework": "nextjs", "kind": "service", "runtime": "node", "runtime_version": "22", "package_manager": "pnpm",
        "root_directory": ".", "install_command": "pnpm install --frozen-lockfile", "build_command": "pnpm run build",
        "start_command": "node server.js", "output_directory": null, "port": 3000, "reasons": [], "name": "Next.js 15.3",
        "variables": {}, "dependency_inputs": [], "caches": [], "dockerfile": null, "document_root": null, "single_page": false,
        "processes": {}, "release_command": null, "warnings": [], "alternatives": [], "suggestions": [],
    })
}

fn steps() -> Value {
    let step = |name: &str, note: Option<&str>| json!({"name": name, "started_at": "2026-11-20T10:00:01Z", "finished_at": "2026-11-20T10:00:09Z", "exit_code": 0, "note": note});
    json!([step("clone", None), step("install", Some("dependencies from cache")), step("build", None)])
}

fn queued() -> Value {
    deployment(json!({
        "state": "QUEUED", "timings.building_at": null, "timings.provisioning_at": null, "timings.production_at": null,
    }))
}

fn building() -> Value {
    deployment(json!({
        "state": "BUILDING", "plan": plan(), "steps": steps(), "timings.provisioning_at": null, "timings.production_at": null,
    }))
}

fn live() -> Value {
    deployment(json!({ "plan": plan(), "steps": steps() }))
}

fn failed() -> Value {
    deployment(json!({
        "state": "FAILED", "plan": plan(), "steps": steps(), "timings.provisioning_at": null, "timings.production_at": null,
        "reason": "build_failed",
        "failure": {"code": "build_failed", "exit_code": 1, "detail": "pnpm run build exited with 1 after 12.4 s"},
    }))
}

const LOGS: &str = "GET /deployments/3x9mq2p7ab/logs";
const STREAM: &str = "GET /deployments/3x9mq2p7ab/logs/stream";
const SHOW: &str = "GET /deployments/3x9mq2p7ab";
const DEPLOY: &str = "POST /projects/shop/deployments";

/// A deployment that goes well.
fn good(accepts: &str) -> Fake {
    let events = [line(1, "install", "Packages: +214"), line(2, "build", "Compiled successfully")];
    let events: String = events.iter().map(line_event).collect();
    Fake::new().on(accepts, 202, queued()).on(SHOW, 200, building()).on(SHOW, 200, live()).events(
        STREAM,
        &format!("{events}event: state\ndata: PRODUCTION\n\nevent: end\ndata:\n\n"),
        Then::Cut,
    )
}

#[test]
fn the_answer_is_one_line_and_the_rest_is_conversation() {
    let fake = good(DEPLOY);
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["deploy --project shop"]));
    let asked = &fake.asked(DEPLOY)[0];
    assert_eq!(asked.body, json!({}));
    assert_eq!(asked.headers["idempotency-key"].len(), 32);
}

#[test]
fn from_a_repository_address() {
    let fake = good("POST /deployments");
    let terminal = Terminal::with(&fake);
    insta::assert_snapshot!(terminal.transcript(&[
        "deploy https://example.com/team/shop.git --branch main --root-directory apps/web --port 8080 --quiet"
    ]));
    let expected = json!({"repository": "https://example.com/team/shop.git", "branch": "main", "root_directory": "apps/web"});
    let body = &fake.asked("POST /deployments")[0].body;
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&body[name], value);
    }
    assert_eq!(body["build"]["port"], 8080);
}

#[test]
fn json_is_one_document() {
    let fake = good(DEPLOY);
    let output = Terminal::with(&fake).run("deploy --project shop --json");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((document["state"].as_str(), output.status.code()), (Some("PRODUCTION"), Some(0)));
    let fake = good(DEPLOY);
    insta::assert_snapshot!(
        Terminal::with(&fake)
            .transcript(&["deploy --project shop --json=id,url --detach", "deploy -p shop -d"])
    );
}

#[test]
fn a_failure_shows_the_end_of_the_log_and_what_is_still_live() {
    let fake = || {
        Fake::new()
            .on(DEPLOY, 202, queued())
            .on(SHOW, 200, failed())
            .events(STREAM, "event: end\ndata:\n\n", Then::Cut)
            .on(LOGS, 200, json!({"lines": [], "next": 1, "last": 40}))
            .on(LOGS, 200, json!({"lines": [line(39, "build", "src/app/page.tsx:14:7"), line(40, "build", "\u{1b}]0;owned\u{7}Type error: no `titel`")], "next": 40, "last": 40}))
            .on(LOGS, 200, json!({"lines": [], "next": 40, "last": 40}))
            .list("GET /projects/shop/slots", json!([slot("1aaaaaaaaa")]))
            .on("GET /deployments/1aaaaaaaaa", 200, deployment(json!({"id": "1aaaaaaaaa", "number": 17})))
    };
    insta::assert_snapshot!(Terminal::with(&fake()).transcript(&["deploy --project shop"]));
    insta::assert_snapshot!(
        "failure_as_json",
        Terminal::with(&fake()).transcript(&["deploy --project shop --json --quiet"])
    );
}

#[test]
fn the_whole_log_is_shown_on_request() {
    let lines = [line(1, "install", "Packages: +214"), line(2, "build", "\u{1b}[32mCompiled\u{1b}[0m")];
    let fake = good(DEPLOY).on(LOGS, 200, json!({"lines": lines, "next": 2, "last": 2})).on(
        LOGS,
        200,
        json!({"lines": [], "next": 2, "last": 2}),
    );
    let output = Terminal::with(&fake).run("deploy -p shop --logs full");
    let text = String::from_utf8(output.stderr).unwrap();
    for expected in ["Packages: +214", "Compiled"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn waiting_too_long_is_told_and_the_work_goes_on() {
    let fake = Fake::new().on(DEPLOY, 202, queued()).on(SHOW, 200, queued()).events(STREAM, "", Then::Hang);
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["deploy --project shop --timeout 400ms"]));
}

#[test]
fn an_interrupt_leaves_the_deployment_alone() {
    let fake = Fake::new().on(DEPLOY, 202, queued()).on(SHOW, 200, queued()).events(STREAM, "", Then::Hang);
    let terminal = Terminal::with(&fake);
    let mut child =
        terminal.command(&["deploy", "-p", "shop"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    // The stream is asked for inside the loop that listens for the interrupt.
    while fake.asked(STREAM).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    while fake.asked(SHOW).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let signalled =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(fake.asked("POST /deployments/3x9mq2p7ab/cancel").is_empty());
}

#[test]
fn a_folder_without_a_project_is_told_what_works() {
    let fake = Fake::new().list("GET /projects", json!([]));
    let terminal = Terminal::with(&fake);
    let without = terminal.transcript(&[
        "deploy",
        "deploy .",
        "deploy ../home",
        "deploy file:///etc",
        "deploy https://u:p@example.com/x",
    ]);
    terminal.write(".git/config", "[remote \"origin\"]\n\turl = git@example.com:team/shop.git\n");
    insta::assert_snapshot!(format!("{without}\n{}", terminal.transcript(&["deploy"])));
}

#[test]
fn flags_that_contradict_each_other() {
    let terminal = Terminal::with(&Fake::new());
    insta::assert_snapshot!(terminal.transcript(&[
        "deploy https://example.com/a/b --slot x",
        "deploy -p shop --framework vite",
        "deploy -p shop --preview",
        "deploy --remote-only",
        "deploy --prod --slot x",
    ]));
}

#[test]
fn a_preview_goes_into_a_slot_named_after_the_branch() {
    let fake = good(DEPLOY);
    assert!(
        Terminal::with(&fake).run("deploy -p shop --preview --branch feature/Checkout_2 -q").status.success()
    );
    assert_eq!(
        fake.asked(DEPLOY)[0].body,
        json!({"slot": "feature-checkout-2", "ref": "feature/Checkout_2"})
    );
}

#[test]
fn back_to_an_earlier_release() {
    let earlier =
        |id: &str, number: u64| deployment(json!({"id": id, "number": number, "state": "INACTIVE"}));
    let never_live =
        deployment(json!({"id": "4dddddddddd", "state": "INACTIVE", "timings.production_at": null}));
    let fake = Fake::new()
        .list(
            "GET /projects/shop/deployments",
            json!([never_live, earlier("1aaaaaaaaa", 17), earlier("2bbbbbbbbb", 16)]),
        )
        .on("GET /deployments/2bbbbbbbbb", 200, earlier("2bbbbbbbbb", 16))
        .on("POST /deployments/1aaaaaaaaa/rollback", 202, live())
        .on("POST /deployments/2bbbbbbbbb/rollback", 202, live());
    let terminal = Terminal::with(&fake);
    insta::assert_snapshot!(terminal.transcript(&[
        "rollback -p shop",
        "rollback -p shop --steps 2 --dry-run",
        "rollback -p shop --steps 9",
        "releases:rollback v16 -p shop --current-variables --detach",
    ]));
    assert_eq!(fake.asked("POST /deployments/1aaaaaaaaa/rollback")[0].query, "");
    assert_eq!(fake.asked("POST /deployments/2bbbbbbbbb/rollback")[0].query, "current_variables=true");
}

#[test]
fn redeploy_cancel_wait() {
    let conflict = json!({
        "type": "https://pierhead.dev/problems/deployment-state", "title": "The deployment's state does not allow this", "status": 409,
        "detail": "Deployment 3x9mq2p7ab is PRODUCTION.", "code": "deployment_state", "request_id": "req-7",
        "fixes": [{"title": "Make another release live first", "command": "pierhead rollback"}],
    });
    let fake = Fake::new()
        .on(SHOW, 200, live())
        .list("GET /projects/shop/deployments", json!([live()]))
        .list("GET /projects/shop/deployments", json!([live(), building()]))
        .list("GET /projects/shop/deployments", json!([live()]))
        .on("POST /deployments/3x9mq2p7ab/redeploy", 409, conflict)
        .on("POST /deployments/3x9mq2p7ab/cancel", 202, live());
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&[
        "redeploy -p shop",
        "redeploy 3x9mq2p7ab --json",
        "cancel -p shop",
        "deployments wait -p shop",
        "deployments wait 9zzzzzzzzz",
    ]));
}
