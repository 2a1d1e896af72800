//! Signing in, staying signed in, signing out.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::fake::Fake;
use crate::terminal::Terminal;

fn tokens(access: &str) -> serde_json::Value {
    json!({"access_token": access, "refresh_token": format!("refresh-{access}"), "token_type": "Bearer", "expires_in": 86400})
}

#[test]
fn sign_in_from_variables_then_out() {
    let fake = Fake::new()
        .on("POST /auth/login", 200, tokens("a1"))
        .on("GET /me", 200, json!({"email": "ada@example.com", "role": "admin"}))
        .on("POST /auth/logout", 204, json!(null));
    let terminal = Terminal::at(&fake)
        .variable("PIERHEAD_EMAIL", "ada@example.com")
        .variable("PIERHEAD_PASSWORD", "hunter2");
    insta::assert_snapshot!(terminal.transcript(&["login", "whoami", "whoami --json", "logout", "logout"]));
    assert_eq!(
        fake.asked("POST /auth/login")[0].body,
        json!({"email": "ada@example.com", "password": "hunter2"})
    );
    assert_eq!(fake.asked("GET /me")[0].headers["authorization"], "Bearer a1");
}

#[test]
fn the_stored_sign_in_is_for_the_owner_only_and_an_expired_token_is_refreshed_once() {
    let expired = json!({"type": "https://pierhead.dev/problems/token-expired", "title": "The token has expired", "status": 401, "code": "token_expired"});
    let fake = Fake::new()
        .on("POST /auth/login", 200, tokens("a1"))
        .on("GET /me", 401, expired)
        .on("GET /me", 200, json!({"email": "ada@example.com", "role": "admin"}))
        .on("POST /auth/refresh", 200, tokens("a2"));
    let terminal = Terminal::at(&fake)
        .variable("PIERHEAD_EMAIL", "ada@example.com")
        .variable("PIERHEAD_PASSWORD", "hunter2");
    assert!(terminal.run("login").status.success());
    assert!(terminal.run("whoami").status.success());
    assert!(terminal.run("whoami").status.success());
    assert_eq!(fake.asked("POST /auth/refresh").len(), 1);
    assert_eq!(fake.asked("POST /auth/refresh")[0].body, json!({"refresh_token": "refresh-a1"}));
    assert_eq!(fake.asked("GET /me").last().unwrap().headers["authorization"], "Bearer a2");
    let file = terminal.home().join(".local/state/pierhead/credentials.json");
    assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs_err::read_to_string(&file).unwrap().contains("hunter2"));
}

#[test]
fn what_is_said_without_a_sign_in() {
    let refused = json!({
        "type": "https://pierhead.dev/problems/unauthenticated", "title": "Sign in first", "status": 401, "code": "unauthenticated",
        "detail": "The email or the password is wrong.", "request_id": "req-9",
    });
    let fake = Fake::new().on("GET /me", 401, refused.clone()).on("POST /auth/login", 401, refused);
    insta::assert_snapshot!(Terminal::at(&fake).transcript(&["whoami", "whoami --json", "login"]));
    let wrong = Terminal::at(&fake)
        .variable("PIERHEAD_EMAIL", "ada@example.com")
        .variable("PIERHEAD_PASSWORD", "wrong");
    insta::assert_snapshot!("wrong_password", wrong.transcript(&["login"]));
    insta::assert_snapshot!("wrong_token", Terminal::with(&fake).transcript(&["whoami"]));
}

#[test]
fn a_link_in_a_strangers_repository_does_not_get_the_token() {
    let fake = Fake::new();
    let terminal = Terminal::new().variable("PIERHEAD_TOKEN", "phd_pat_test");
    terminal.write(".pierhead/link.json", &format!("{{\"url\": \"{}\", \"project\": \"shop\"}}", fake.url));
    let output = terminal.run("status");
    assert_eq!(output.status.code(), Some(2));
    assert!(!fake.was_asked_at_all());
}

#[test]
fn a_redirect_is_not_followed() {
    let fake = Fake::new().on("GET /me", 302, json!({}));
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["whoami"]));
}

#[test]
fn a_browser_signs_the_command_line_in() {
    let busy = json!({"type": "https://pierhead.dev/problems/unavailable", "title": "Pierhead cannot do this at the moment", "status": 503, "code": "unavailable"});
    let approved = json!({
        "status": "approved", "email": "ada@example.com",
        "token": {"id": "t1", "name": "pierhead on laptop", "token": "phd_pat_of_the_browser", "expires_at": "2099-01-01T00:00:00Z"},
    });
    let fake = Fake::new()
        .on(
            "POST /auth/device",
            200,
            json!({
                "device_code": "phd_dev_1", "user_code": "BCDF-GHJK",
                "verification_url": "https://deploy.example.com/console/device?code=BCDF-GHJK", "expires_in": 600, "interval": 1,
            }),
        )
        .on("POST /auth/device/token", 200, json!({"status": "pending", "token": null, "email": null}))
        .on("POST /auth/device/token", 503, busy)
        .on("POST /auth/device/token", 200, approved)
        .on("GET /me", 200, json!({"email": "ada@example.com", "role": "admin"}));
    let terminal = Terminal::at(&fake).variable("HOSTNAME", "laptop");
    insta::assert_snapshot!(terminal.transcript(&[
        "login --browser",
        "whoami",
        "login --browser --email ada@example.com"
    ]));
    assert_eq!(fake.asked("POST /auth/device")[0].body, json!({"name": "laptop"}));
    let asked = fake.asked("POST /auth/device/token");
    assert!(asked.iter().all(|it| it.body == json!({"device_code": "phd_dev_1"})) && asked.len() == 3);
    assert_eq!(fake.asked("GET /me")[0].headers["authorization"], "Bearer phd_pat_of_the_browser");
}

#[test]
fn a_sign_in_that_was_refused_or_is_over_signs_nobody_in() {
    let begun = json!({
        "device_code": "phd_dev_1", "user_code": "BCDF-GHJK",
        "verification_url": "https://deploy.example.com/console/device?code=BCDF-GHJK", "expires_in": 600, "interval": 1,
    });
    let over = json!({
        "type": "https://pierhead.dev/problems/unauthenticated", "title": "Sign in first", "status": 401, "code": "unauthenticated",
        "detail": "This sign-in is over: it was used, took longer than ten minutes, or never was. Begin again.",
    });
    let denied = json!({"status": "denied", "token": null, "email": null});
    for (name, status, body) in [("denied", 200, denied), ("over", 401, over)] {
        let fake = Fake::new().on("POST /auth/device", 200, begun.clone()).on(
            "POST /auth/device/token",
            status,
            body,
        );
        let terminal = Terminal::at(&fake);
        insta::assert_snapshot!(format!("browser_{name}"), terminal.transcript(&["login --browser"]));
        assert!(!terminal.home().join(".local/state/pierhead/credentials.json").exists());
    }
}
