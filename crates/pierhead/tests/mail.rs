//! Letters, taken by a real SMTP server: invitations, sign-ups, passwords set anew; put off, refused, and interrupted by a crash.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::time::{Duration, Instant};

use pierhead_testkit::{Peer, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const PASSWORD: &str = "battery staple correct";

async fn post_office() -> Peer {
    Peer::start("smtp.mjs", &["ada@example.com", "the server's password"]).await
}

async fn boot(server: &mut Server, office: &Peer) {
    let way = format!("smtp://ada%40example.com@127.0.0.1:{}", office.ready["port"]);
    server
        .boot(&[
            ("PIERHEAD_MAIL_SERVER", &way),
            ("PIERHEAD_MAIL_PASSWORD", "the server's password"),
            ("PIERHEAD_MAIL_FROM", "Pierhead <pierhead@example.com>"),
            ("PIERHEAD_PUBLIC_URL", "https://deploy.example.com"),
        ])
        .await;
}

/// What a letter says: long lines travel in pieces (quoted-printable, RFC 2045).
fn text(letter: &Value) -> String {
    letter["text"].as_str().unwrap().replace("=\r\n", "").replace("=3D", "=")
}

/// Whom a letter is for, its subject, and what is behind the `#` of its link.
fn read(letter: &Value) -> (String, String, String) {
    let text = text(letter);
    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
    let token = text.split_once('#').map_or("", |(_, rest)| rest.split_whitespace().next().unwrap());
    (letter["to"][0].as_str().unwrap().to_owned(), subject.to_owned(), token.to_owned())
}

/// As a stranger.
async fn stranger(server: &Server, path: &str, body: Value) -> (u16, Value) {
    let answer = reqwest::Client::new().post(server.api(path)).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Until administrators are shown what is expected.
async fn until_mail(server: &Server, expected: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mail = server.get("/settings/mail").await;
        if expected(&mail) {
            return mail;
        }
        assert!(Instant::now() < deadline, "{mail}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn invitations_sign_ups_and_passwords_go_by_letter_and_are_good_once() {
    let mut office = post_office().await;
    let mut server = Server::unstarted(BINARY);
    boot(&mut server, &office).await;
    assert_eq!(server.call("POST", "/settings/mail/test", None).await.0, 204, "{}", server.log());
    assert_eq!(read(&office.next().await).0, "admin@example.com");

    // An invitation: no link for who invites, and an account for who got the letter.
    let (status, invited) =
        server.call("POST", "/users", Some(json!({ "email": "grace@example.com" }))).await;
    assert_eq!((status, &invited["link"]), (201, &Value::Null));
    let letter = office.next().await;
    let (to, subject, token) = read(&letter);
    assert_eq!((&*to, &*subject), ("grace@example.com", "You are invited to Pierhead"));
    assert!(text(&letter).contains("https://deploy.example.com/console/invitation#phd_inv_"));
    let account = json!({ "token": token, "password": PASSWORD });
    let (status, first) = stranger(&server, "/auth/accept", account.clone()).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(stranger(&server, "/auth/accept", account).await.0, 401, "good once");

    // A password that was forgotten: the same answer for everybody, one letter, good once, and everybody is signed out.
    for email in ["nobody@example.com", "grace@example.com"] {
        let (status, told) = stranger(&server, "/auth/password/forgot", json!({ "email": email })).await;
        assert_eq!((status, told), (202, Value::Null), "{email}");
    }
    let (to, _, token) = read(&office.next().await);
    assert_eq!(to, "grace@example.com");
    let reset = json!({ "token": token, "password": "another good password" });
    let short = json!({ "token": token, "password": "short" });
    assert_eq!(stranger(&server, "/auth/password/reset", short).await.0, 422, "which does not use it up");
    assert_eq!(stranger(&server, "/auth/password/reset", reset.clone()).await.0, 204);
    assert_eq!(stranger(&server, "/auth/password/reset", reset).await.0, 401, "good once");
    let refresh = json!({ "refresh_token": first["refresh_token"] });
    assert_eq!(stranger(&server, "/auth/refresh", refresh).await.0, 401, "every sign-in has ended");
    let login = |password: &str| json!({ "email": "grace@example.com", "password": password });
    assert_eq!(stranger(&server, "/auth/login", login(PASSWORD)).await.0, 401);
    assert_eq!(stranger(&server, "/auth/login", login("another good password")).await.0, 200);

    // Sign-ups: only where everybody may, and nobody learns who has an account.
    assert_eq!(stranger(&server, "/auth/sign-up", json!({ "email": "heidi@example.com" })).await.0, 403);
    let (status, told) = server.call("PUT", "/settings/sign-up", Some(json!({ "policy": "open" }))).await;
    assert_eq!(status, 200, "{told}");
    for email in ["grace@example.com", "heidi@example.com"] {
        assert_eq!(stranger(&server, "/auth/sign-up", json!({ "email": email })).await.0, 202, "{email}");
    }
    let mut letters = [office.next().await, office.next().await].map(|letter| read(&letter));
    letters.sort();
    let [(grace, _, nothing), (heidi, _, token)] = letters;
    assert_eq!((&*grace, &*nothing, &*heidi), ("grace@example.com", "", "heidi@example.com"));
    let account = json!({ "token": token, "password": PASSWORD });
    assert_eq!(stranger(&server, "/auth/accept", account).await.0, 201);
    // What the database holds of all this is no link.
    until_mail(&server, |mail| mail["waiting"] == 0).await;
    server.kill();
    for file in ["pierhead.db", "pierhead.db-wal"] {
        let bytes = fs_err::read(server.data_dir().join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("phd_inv_") && !text.contains("phd_rst_"), "{file} holds a link");
    }
}

#[tokio::test]
async fn a_letter_is_tried_again_given_up_for_good_and_outlives_a_crash() {
    let mut office = post_office().await;
    let mut server = Server::unstarted(BINARY);
    boot(&mut server, &office).await;
    let invite = async |server: &Server, email: &str| {
        let (status, told) = server.call("POST", "/users", Some(json!({ "email": email }))).await;
        assert_eq!(status, 201, "{told}");
    };
    // Put off once (greylisting), then taken.
    invite(&server, "later@example.com").await;
    assert_eq!(read(&office.next().await).0, "later@example.com");
    // Refused for good: nobody tries again, and administrators see why.
    invite(&server, "refused@example.com").await;
    let mail = until_mail(&server, |mail| mail["given_up"] == 1).await;
    assert_eq!(
        (&mail["troubles"][0]["to"], &mail["troubles"][0]["next_at"]),
        (&json!("refused@example.com"), &Value::Null)
    );
    assert!(mail["troubles"][0]["error"].as_str().unwrap().contains("no such mailbox"), "{mail}");
    // The post office is closed, and the server dies: the letter is still there.
    drop(office);
    invite(&server, "grace@example.com").await;
    until_mail(&server, |mail| mail["waiting"] == 1 && mail["troubles"][0]["to"] == "grace@example.com")
        .await;
    server.kill();
    let mut office = post_office().await;
    boot(&mut server, &office).await;
    assert_eq!(read(&office.next().await).0, "grace@example.com");
    until_mail(&server, |mail| mail["waiting"] == 0).await;
}
