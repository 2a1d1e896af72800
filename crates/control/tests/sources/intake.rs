//! What comes in: whose it is, whether it counts, what it asks for.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_control::{Error, Incoming};
use serde_json::{Value, json};

use crate::world::{INSTALLATION, World, commit, github, push_payload};

fn of<'i>(
    provider: &'i str,
    project: Option<&'i str>,
    headers: BTreeMap<String, String>,
    body: &'i [u8],
) -> Incoming<'i> {
    Incoming { provider, project, headers, body }
}

#[tokio::test]
async fn nobody_without_the_secret_is_heard() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.until_looked("shop").await;
    let body = push_payload("shop", "main", &commit(1)).to_string();
    let good = github("push", "1", INSTALLATION, body.as_bytes());
    let with = |signature: Option<&str>| {
        let mut headers = good.clone();
        headers.remove("x-hub-signature-256");
        headers.extend(signature.map(|it| ("x-hub-signature-256".to_owned(), it.to_owned())));
        headers
    };
    let spaced = body.replace(':', ": ");
    for (headers, body) in [
        (with(None), body.as_str()),
        (with(Some("")), &body),
        (with(Some("sha256=")), &body),
        (with(Some("sha256=zz")), &body),
        (with(Some("x")), &body),
        (github("push", "1", "another secret", body.as_bytes()), &body),
        (good.clone(), &spaced),
        (good.clone(), ""),
        (github("push", "1", "", body.as_bytes()), &body),
    ] {
        let answer = world.receive(of("github", None, headers.clone(), body.as_bytes())).await;
        assert!(matches!(answer, Err(Error::Unauthenticated { .. })), "{headers:?}: {answer:?}");
        let answer = world.receive(of("github", Some("shop"), headers, body.as_bytes())).await;
        assert!(matches!(answer, Err(Error::Unauthenticated { .. })), "{answer:?}");
    }
    // The installation's secret does not open a project's address, and nobody learns which projects there are.
    for project in ["shop", "nothing"] {
        let answer = world.receive(of("github", Some(project), good.clone(), body.as_bytes())).await;
        assert!(matches!(answer, Err(Error::Unauthenticated { .. })), "{answer:?}");
    }
    assert!(matches!(
        world.receive(of("svn", None, good.clone(), body.as_bytes())).await,
        Err(Error::NotFound { .. })
    ));
    assert!(world.services.sources.get(&world.admin, "shop").await.unwrap().deliveries.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_projects_secret_speaks_for_that_project_only() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.project("bank", |_| {}).await;
    let secret = world.services.sources.renew_secret(&world.admin, "shop").await.unwrap();
    let shop = push_payload("shop", "main", &commit(1)).to_string();
    let bank = push_payload("bank", "main", &commit(1)).to_string();
    let signed = |id: &str, body: &str| github("push", id, &secret, body.as_bytes());

    for (project, id) in [(None, "1"), (Some("shop"), "2")] {
        let received =
            world.receive(of("github", project, signed(id, &shop), shop.as_bytes())).await.unwrap();
        assert_eq!(received.projects, ["shop"]);
    }
    // Another repository's push, signed with this project's secret.
    let answer = world.receive(of("github", None, signed("3", &bank), bank.as_bytes())).await;
    assert!(matches!(answer, Err(Error::Unauthenticated { .. })), "{answer:?}");
    let received =
        world.receive(of("github", Some("shop"), signed("4", &bank), bank.as_bytes())).await.unwrap();
    assert!(received.projects.is_empty(), "{received:?}");

    // A renewed secret closes the door behind the old one.
    world.services.sources.renew_secret(&world.admin, "shop").await.unwrap();
    let answer = world.receive(of("github", None, signed("5", &shop), shop.as_bytes())).await;
    assert!(matches!(answer, Err(Error::Unauthenticated { .. })), "{answer:?}");
    world.stop().await;
}

#[tokio::test]
async fn every_provider_is_understood_in_its_own_words() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    let secret = world.services.sources.renew_secret(&world.admin, "shop").await.unwrap();
    let header = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mac = |body: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        hex::encode(aws_lc_rs::hmac::sign(&key, body))
    };
    let gitlab = json!({
        "object_kind": "push", "ref": "refs/heads/main", "after": commit(1), "user_username": "ada",
        "project": { "git_http_url": "https://git.example.com/team/shop.git", "default_branch": "main" },
        "commits": [{ "id": commit(1), "message": "One" }],
    })
    .to_string();
    let headers =
        header(&[("x-gitlab-event", "Push Hook"), ("x-gitlab-token", &secret), ("idempotency-key", "g1")]);
    let received = world.receive(of("gitlab", None, headers, gitlab.as_bytes())).await.unwrap();
    assert_eq!((received.delivery.as_str(), &received.projects[..]), ("g1", &["shop".to_owned()][..]));

    let gitea = push_payload("shop", "main", &commit(2)).to_string();
    let signature = mac(gitea.as_bytes());
    for (provider, prefix) in [("gitea", "x-gitea"), ("forgejo", "x-forgejo")] {
        let headers = header(&[
            (&format!("{prefix}-event"), "push"),
            (&format!("{prefix}-delivery"), prefix),
            (&format!("{prefix}-signature"), &signature),
        ]);
        let received = world.receive(of(provider, None, headers, gitea.as_bytes())).await.unwrap();
        assert_eq!(received.projects, ["shop"], "{provider}");
    }

    // A form instead of JSON, as GitHub may be told to send.
    let form = format!(
        "payload={}",
        url::form_urlencoded::byte_serialize(push_payload("shop", "main", &commit(3)).to_string().as_bytes())
            .collect::<String>()
    );
    let mut headers = github("push", "form", &secret, form.as_bytes());
    headers.insert("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    let received = world.receive(of("github", None, headers, form.as_bytes())).await.unwrap();
    assert_eq!(received.projects, ["shop"]);

    let now = pierhead_model::Timestamp::now().as_second();
    for (id, body, at, good) in [
        ("m1", json!({ "ref": "main", "commit": commit(4) }).to_string(), now, true),
        ("m2", json!({ "type": "pushed", "data": { "ref": "refs/heads/main" } }).to_string(), now, true),
        ("m3", String::new(), now, true),
        ("m4", "{}".to_owned(), now - 3600, false),
    ] {
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
        let signed = aws_lc_rs::hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
        let headers = header(&[
            ("webhook-id", id),
            ("webhook-timestamp", &at.to_string()),
            ("webhook-signature", &format!("v1,{}", BASE64.encode(signed))),
        ]);
        let answer = world.receive(of("generic", Some("shop"), headers.clone(), body.as_bytes())).await;
        assert_eq!(
            answer.as_ref().map(|it| it.projects.len()).unwrap_or(0),
            usize::from(good),
            "{id}: {answer:?}"
        );
        let answer = world.receive(of("generic", None, headers, body.as_bytes())).await;
        assert!(matches!(answer, Err(Error::Unauthenticated { .. })), "it speaks for no installation");
    }
    world.stop().await;
}

#[tokio::test]
async fn what_moves_no_branch_that_is_followed_asks_for_nothing() {
    let world = World::start().await;
    world.project("shop", |_| {}).await;
    world.project("paused", |settings| settings.triggers.push = false).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut payload = push_payload("shop", "main", &commit(1));
        change(&mut payload);
        payload.to_string()
    };
    let zeros = "0".repeat(40);
    for (number, (event, body, asks)) in [
        ("ping", with(&|_| {}), false),
        ("push", with(&|it| it["ref"] = "refs/tags/v1".into()), false),
        ("push", with(&|it| it["after"] = zeros.clone().into()), false),
        ("push", with(&|it| it["deleted"] = true.into()), false),
        ("push", with(&|it| it["ref"] = "refs/heads/other".into()), false),
        ("push", with(&|it| it["head_commit"] = Value::Null), true),
        ("push", with(&|it| it["commits"] = json!([])), true),
        ("push", push_payload("paused", "main", &commit(1)).to_string(), false),
        ("push", push_payload("unknown", "main", &commit(1)).to_string(), false),
        ("star", with(&|_| {}), false),
        ("nobody_knows", with(&|_| {}), false),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = github(event, &number.to_string(), INSTALLATION, body.as_bytes());
        let received = world.receive(of("github", None, headers, body.as_bytes())).await.unwrap();
        assert_eq!(!received.projects.is_empty(), asks, "{number} {event}: {received:?}");
    }
    world.stop().await;
}
