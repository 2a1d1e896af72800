//! Who the client says it is, and to whom.

use pierhead_registry::client::Ping;
use pierhead_registry::{Access, Credentials, Registry, RegistryError};

use crate::stub::{Stub, json, reply, repository, tags, transport};

const PASSWORD: &str = "hunter2-long-enough-to-find";

/// A registry whose tokens come from a server at `realm`, and expire after `lifetime` seconds.
fn answers(realm: Option<u16>, lifetime: u64) -> impl Fn(&crate::stub::Seen) -> axum::response::Response {
    let issued = std::sync::atomic::AtomicU64::new(0);
    move |seen| {
        let own = seen.header("host").rsplit(':').next().unwrap_or_default().to_owned();
        let port = realm.map_or(own, |port| port.to_string());
        if seen.path == "/token" {
            let good =
                matches!(seen.authorization(), "" | "Basic YW5uOmh1bnRlcjItbG9uZy1lbm91Z2gtdG8tZmluZA==");
            if !good {
                return reply(401, &[], "{\"details\":\"incorrect username or password\"}");
            }
            let number = issued.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return json(format!("{{\"access_token\":\"t{number}\",\"expires_in\":{lifetime}}}"));
        }
        if seen.authorization().starts_with("Bearer t") {
            return match seen.path.as_str() {
                "/v2/" => json("{}"),
                _ => json(tags(["1", "2"])),
            };
        }
        let challenge = format!(
            "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"stub\",scope=\"repository:acme/api:pull\""
        );
        reply(401, &[("www-authenticate", &challenge)], "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}")
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let stub = Stub::start(answers(None, 300)).await;
    let registry = stub.registry();
    for _ in 0..3 {
        assert_eq!(registry.tags(&repository()).await.unwrap().tags.len(), 2);
    }
    assert_eq!(stub.count("/token"), 1);
    assert_eq!(stub.count("/v2/acme/api/tags/list"), 4, "one was refused");
    let token = stub.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
    assert_eq!(token.query, "service=stub&scope=repository%3Aacme%2Fapi%3Apull");
    assert_eq!(token.authorization(), "");
}

#[tokio::test]
async fn many_who_ask_at_once_share_a_token() {
    let stub = Stub::start(answers(None, 300)).await;
    let registry = stub.registry();
    let repository = repository();
    let asked = (0..20).map(|_| registry.tags(&repository));
    assert!(futures::future::join_all(asked).await.iter().all(Result::is_ok));
    assert_eq!(stub.count("/token"), 1);
}

#[tokio::test]
async fn an_expired_token_is_replaced_and_so_is_one_that_is_refused_early() {
    let stub = Stub::start(answers(None, 0)).await;
    let registry = stub.registry();
    for _ in 0..3 {
        registry.tags(&repository()).await.unwrap();
    }
    assert_eq!(stub.count("/token"), 3);

    let revoked = std::sync::atomic::AtomicBool::new(false);
    let inner = answers(None, 300);
    let stub = Stub::start(move |seen| {
        let first_use =
            seen.authorization() == "Bearer t0" && revoked.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first_use {
            let mut anonymous = seen.clone();
            anonymous.headers.remove("authorization");
            return inner(&anonymous);
        }
        inner(seen)
    })
    .await;
    let registry = stub.registry();
    registry.tags(&repository()).await.unwrap();
    registry.tags(&repository()).await.unwrap();
    assert_eq!(stub.count("/token"), 2, "the first one was revoked");
}

#[tokio::test]
async fn credentials_are_tested_by_a_ping() {
    let stub = Stub::start(answers(None, 300)).await;
    assert_eq!(stub.registry().ping().await, Ok(Ping::Anonymous));
    assert_eq!(stub.registry_as("ann", PASSWORD).ping().await, Ok(Ping::Authenticated));
    let greeting = stub.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
    assert_eq!(greeting.query, "service=stub&account=ann", "no scope for a greeting");
    let refused = stub.registry_as("ann", "wrong").ping().await.unwrap_err();
    assert!(matches!(refused, RegistryError::CredentialsRefused { .. }), "{refused}");
}

#[tokio::test]
async fn credentials_stay_away_from_a_token_server_elsewhere() {
    let elsewhere = Stub::start(answers(None, 300)).await;
    // The same machine by another name: another host.
    let port = elsewhere.port;
    let stub = Stub::start(move |_| {
        let challenge = format!("Bearer realm=\"http://localhost:{port}/token\",service=\"stub\"");
        reply(401, &[("www-authenticate", &challenge)], "")
    })
    .await;
    let refused = stub.registry_as("ann", PASSWORD).tags(&repository()).await.unwrap_err();
    assert!(
        matches!(&refused, RegistryError::TokenServerElsewhere { realm, .. } if realm == "http://localhost")
    );
    assert_eq!(elsewhere.seen().len(), 0);

    let access = Access {
        credentials: Some(Credentials::new("ann", PASSWORD)),
        token_servers: vec!["localhost".to_owned()],
        ..stub.access()
    };
    let _ = Registry::new(&transport(), access).unwrap().tags(&repository()).await;
    assert_eq!(elsewhere.count("/token"), 1, "allowed by whoever set the registry up");
    assert!(elsewhere.seen()[0].authorization().starts_with("Basic "));
}

#[tokio::test]
async fn basic_credentials_are_sent_when_they_are_asked_for_and_then_at_once() {
    let stub = Stub::start(|seen| match seen.authorization() {
        "" => reply(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
        "Basic YW5uOmh1bnRlcjItbG9uZy1lbm91Z2gtdG8tZmluZA==" => json(tags(["1"])),
        _ => reply(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
    })
    .await;
    let registry = stub.registry_as("ann", PASSWORD);
    registry.tags(&repository()).await.unwrap();
    registry.tags(&repository()).await.unwrap();
    assert_eq!(stub.seen().len(), 3);

    let missing = stub.registry().tags(&repository()).await.unwrap_err();
    assert!(matches!(missing, RegistryError::CredentialsMissing { .. }), "{missing}");
    let registry = stub.registry_as("ann", "wrong");
    for _ in 0..2 {
        let refused = registry.tags(&repository()).await.unwrap_err();
        assert!(matches!(refused, RegistryError::CredentialsRefused { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_no_credentials() {
    let elsewhere = Stub::start(|_| json(tags(["1"]))).await;
    let port = elsewhere.port;
    let stub = Stub::start(move |seen| match seen.authorization() {
        "" => reply(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
        _ if seen.query.contains("again") => {
            reply(307, &[("location", &format!("http://127.0.0.1:{port}/stolen"))], "")
        }
        _ => reply(302, &[("location", "/v2/acme/api/tags/list?again=1")], ""),
    })
    .await;
    stub.registry_as("ann", PASSWORD).tags(&repository()).await.unwrap();
    let own: Vec<_> = stub.seen().into_iter().map(|seen| !seen.authorization().is_empty()).collect();
    assert_eq!(own, [false, true, true], "the same origin keeps them");
    assert_eq!(elsewhere.seen().len(), 1);
    assert_eq!(elsewhere.seen()[0].authorization(), "");
}

#[tokio::test]
async fn a_host_that_was_redirected_to_cannot_ask_for_credentials() {
    let elsewhere = Stub::start(|_| reply(401, &[("www-authenticate", "Basic realm=\"give\"")], "")).await;
    let port = elsewhere.port;
    let stub =
        Stub::start(move |_| reply(307, &[("location", &format!("http://127.0.0.1:{port}/x"))], "")).await;
    let registry = stub.registry_as("ann", PASSWORD);
    assert!(registry.tags(&repository()).await.is_err());
    assert!(registry.ping().await.is_err());
    assert!(elsewhere.seen().iter().all(|seen| seen.authorization().is_empty()));
}

#[tokio::test]
async fn nothing_that_is_printed_tells_the_password() {
    let stub = Stub::start(answers(None, 300)).await;
    let access = Access { credentials: Some(Credentials::new("ann", PASSWORD)), ..stub.access() };
    let registry = Registry::new(&transport(), access.clone()).unwrap();
    let _ = registry.ping().await;
    let wrong = stub.registry_as("ann", &format!("{PASSWORD}x")).ping().await.unwrap_err();
    let printed = format!("{access:?} {registry:?} {wrong:?} {wrong}");
    assert!(!printed.contains(PASSWORD), "{printed}");
}
