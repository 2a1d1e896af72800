//! Variables and secrets.

use serde_json::json;

use crate::fake::Fake;
use crate::terminal::Terminal;

fn fake() -> Fake {
    let items = json!([
        {"key": "LOG_LEVEL", "value": "debug info", "secret": false, "exposure": "runtime", "updated_at": "2026-11-20T10:00:00Z"},
        {"key": "API_KEY", "value": null, "secret": true, "exposure": "all", "updated_at": null},
    ]);
    Fake::new()
        .on("GET /projects/shop/variables", 200, json!({"items": items, "version": 7}))
        .on("PUT /projects/shop/variables", 200, json!({"items": items, "version": 8}))
        .on("PUT /projects/shop/variables/A", 200, json!({"key": "A"}))
        .on("PUT /projects/shop/variables/B", 200, json!({"key": "B"}))
        .on("DELETE /projects/shop/variables/A", 204, json!(null))
}

#[test]
fn reading() {
    insta::assert_snapshot!(Terminal::with(&fake()).variable("PIERHEAD_PROJECT", "shop").transcript(&[
        "env",
        "config:get LOG_LEVEL",
        "env get API_KEY",
        "env get NOTHING",
        "env export",
        "env export --format shell",
        "env export --json --quiet",
    ]));
}

#[test]
fn writing() {
    let fake = fake();
    let terminal = Terminal::with(&fake).variable("PIERHEAD_PROJECT", "shop");
    insta::assert_snapshot!(terminal.transcript(&[
        "config:set A=1 'B=two words'",
        "env set PORT=1",
        "env set 1A=1",
        "env set A",
        "secrets set A=s3cr3t --exposure all",
        "env unset A",
    ]));
    let asked = fake.asked("PUT /projects/shop/variables/A");
    assert_eq!(asked[0].body, json!({"value": "1", "secret": false, "exposure": "runtime"}));
    assert_eq!(asked[1].body, json!({"value": "s3cr3t", "secret": true, "exposure": "all"}));
}

#[test]
fn a_file_is_imported_as_a_whole_and_on_condition() {
    let fake = fake();
    let terminal = Terminal::with(&fake).variable("PIERHEAD_PROJECT", "shop");
    let output = terminal.run_with_input("env import -", "LOG_LEVEL=info\nNEW='x y'\n");
    assert!(output.status.success());
    let asked = &fake.asked("PUT /projects/shop/variables")[0];
    assert_eq!(asked.headers["if-match"], "\"7\"");
    assert_eq!(
        asked.body,
        json!({"items": [
            {"key": "LOG_LEVEL", "value": "info", "secret": false, "exposure": "runtime"},
            {"key": "NEW", "value": "x y", "secret": false, "exposure": "runtime"},
            {"key": "API_KEY", "value": null, "secret": true, "exposure": "all"},
        ]})
    );
    terminal.write(".env", "A\n");
    insta::assert_snapshot!(terminal.transcript(&["env import .env", "env import missing.env", "env pull"]));
    assert_eq!(
        fs_err::read_to_string(terminal.folder().join(".env.local")).unwrap(),
        "LOG_LEVEL=\"debug info\"\n"
    );
}

#[test]
fn a_secret_can_come_from_stdin() {
    let fake = fake();
    let output = Terminal::with(&fake).run_with_input("env set --secret A=- -p shop", "s3cr3t\n");
    assert!(output.status.success());
    assert_eq!(fake.asked("PUT /projects/shop/variables/A")[0].body["value"], "s3cr3t");
}
