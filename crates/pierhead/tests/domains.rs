//! A hostname of one's own, end to end: claimed, proved in DNS, vouched for by an authority, visited by TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pierhead_testkit::{Dns, GitServer, Pebble, Server, free_port};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const HOST: &str = "www.example.org";

#[tokio::test]
async fn a_domain_is_served_by_tls_with_a_certificate_that_nobody_had_to_ask_for() {
    let git = GitServer::start(&[("shop", &[("index.html", "hello from the shop")])]);
    let dns = Dns::start().await;
    let mut server = Server::unstarted(BINARY);
    let pebble = Pebble::start(dns.address, server.ingress_port(), Duration::from_secs(90 * 86_400)).await;
    let tls: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()).into();
    server
        .boot(&[
            ("PIERHEAD_DNS_RESOLVERS", &dns.address.to_string()),
            ("PIERHEAD_INGRESS_TLS_LISTEN", &tls.to_string()),
            ("PIERHEAD_ACME_DIRECTORY", &pebble.directory),
            ("PIERHEAD_ACME_CA_BUNDLE", pebble.trust.to_str().unwrap()),
        ])
        .await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);

    let path = format!("/projects/shop/domains/{HOST}");
    let (status, claim) = server.call("PUT", &path, Some(json!({}))).await;
    assert_eq!((status, claim["state"].as_str().unwrap()), (200, "pending"), "{claim}");
    assert_eq!(server.visit(HOST, "/").await.0, 404, "not before it is proved");
    let record = &claim["records"][0];
    dns.txt(record["name"].as_str().unwrap(), record["value"].as_str().unwrap());
    dns.address(HOST, Ipv4Addr::LOCALHOST);
    let certified = until(&server, &path, |domain| domain["certificate"]["not_after"].is_string()).await;
    assert_eq!(
        (&certified["state"], &certified["certificate"]["source"]),
        (&json!("verified"), &json!("acme"))
    );

    let root = reqwest::Certificate::from_pem(pebble.root().await.as_bytes()).unwrap();
    let visitor =
        reqwest::Client::builder().tls_certs_only([root]).resolve(HOST, tls).no_proxy().build().unwrap();
    let url = format!("https://{HOST}:{}/", tls.port());
    let deadline = Instant::now() + Duration::from_secs(30);
    let text = loop {
        match visitor.get(&url).send().await {
            Ok(answer) => break answer.text().await.unwrap(),
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(text.contains("hello from the shop"), "{text}");
    // Whoever comes without TLS is sent there, and only for the name that has a certificate.
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let plainly = format!("http://127.0.0.1:{}/a?b", server.ingress_port());
    let sent = plain.get(&plainly).header("host", HOST).send().await.unwrap();
    assert_eq!(sent.status(), 308);
    assert_eq!(sent.headers()["location"].to_str().unwrap(), format!("https://{HOST}:{}/a?b", tls.port()));
    let own = plain.get(format!("http://127.0.0.1:{}/", server.ingress_port()));
    assert_eq!(own.header("host", "shop.localhost").send().await.unwrap().status(), 200);
    server.verify().await;

    let (status, _) = server.call("DELETE", &path, None).await;
    assert_eq!(status, 204);
    // Neither by a redirect to what has no certificate any more.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let sent = plain.get(&plainly).header("host", HOST).send().await.unwrap();
        if sent.status() == 404 {
            return;
        }
        assert!(Instant::now() < deadline, "{sent:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until(server: &Server, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = server.get(path).await;
        if holds(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{seen:#}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
