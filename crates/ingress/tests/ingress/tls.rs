//! TLS: the right certificate for each name, HTTP/1.1 and HTTP/2 in it, and the way to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pierhead_wire::ControlToIngress;
use pierhead_wire::certificate::{Certificate, PrivateKey};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{TestIngress, eventually, service};
use crate::upstream::App;

pub(crate) fn certificate(names: &[&str]) -> Certificate {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(names.clone()).unwrap().self_signed(&key).unwrap();
    Certificate { names, chain: made.pem(), key: PrivateKey::new(key.serialize_pem()) }
}

pub(crate) async fn with_tls(app: &App, certificates: &[&Certificate]) -> TestIngress {
    let mut ingress =
        TestIngress::start_with(|options| options.listen_tls = Some(([127, 0, 0, 1], 0).into())).await;
    tell(&mut ingress, true, certificates).await;
    ingress
        .table(vec![
            service("x.test", "1aaaaaaaaa", &[app.address]),
            service("a.y.test", "1aaaaaaaaa", &[app.address]),
        ])
        .await;
    ingress
}

/// What is told before a table has been taken when the table has.
async fn tell(ingress: &mut TestIngress, whole: bool, certificates: &[&Certificate]) {
    let certificates = certificates.iter().map(|it| (*it).clone()).collect();
    let told = ControlToIngress::Certificates { whole, certificates, removals: Vec::new() };
    ingress.control.send(told).await.unwrap();
}

/// A connection by TLS that trusts exactly this certificate.
pub(crate) async fn connect(
    ingress: &TestIngress,
    name: &str,
    trusted: &Certificate,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.chain.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(ingress.handle.tls_addr().unwrap()).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn each_name_has_its_certificate_and_a_wildcard_covers_one_label() {
    let app = App::start("A").await;
    let (one, wild) = (certificate(&["x.test"]), certificate(&["*.y.test"]));
    let ingress = with_tls(&app, &[&one, &wild]).await;
    for (name, trusted) in [("x.test", &one), ("X.test", &one), ("a.y.test", &wild)] {
        assert!(connect(&ingress, name, trusted, &[]).await.is_ok(), "{name}");
    }
    for (name, trusted) in [("x.test", &wild), ("y.test", &wild), ("a.b.y.test", &wild), ("other.test", &one)]
    {
        assert!(connect(&ingress, name, trusted, &[]).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_at_once_and_an_unusable_one_changes_nothing() {
    let app = App::start("A").await;
    let (old, new) = (certificate(&["x.test"]), certificate(&["x.test"]));
    let mut ingress = with_tls(&app, &[&old]).await;
    assert!(connect(&ingress, "x.test", &old, &[]).await.is_ok());
    let mut broken = new.clone();
    broken.key = certificate(&["x.test"]).key;
    tell(&mut ingress, false, &[&broken]).await;
    ingress.change(vec![], vec![]).await;
    assert!(
        connect(&ingress, "x.test", &old, &[]).await.is_ok(),
        "the key of another certificate is not taken"
    );
    tell(&mut ingress, false, &[&new]).await;
    ingress.change(vec![], vec![]).await;
    assert!(connect(&ingress, "x.test", &new, &[]).await.is_ok());
}

#[tokio::test]
async fn many_requests_at_once_over_one_connection_of_http2() {
    let app = App::start("A").await;
    let one = certificate(&["x.test"]);
    let ingress = with_tls(&app, &[&one]).await;
    let stream = connect(&ingress, "x.test", &one, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let requests = (0..50).map(|_| {
        let mut sender = sender.clone();
        async move {
            let request = Request::builder()
                .uri("https://x.test/headers")
                .header("cookie", "a=1")
                .header("cookie", "b=2")
                .body(Full::<Bytes>::default())
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
            assert_eq!(answer.headers()["strict-transport-security"], "max-age=63072000");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        }
    });
    for headers in futures::future::join_all(requests).await {
        for expected in
            ["host: x.test", "cookie: a=1; b=2", "x-forwarded-proto: https", "x-forwarded-host: x.test"]
        {
            assert!(headers.contains(expected), "{expected} is not in {headers}");
        }
    }
    assert_eq!(app.state.requests.load(Ordering::SeqCst), 50);
    // A stop is said (GOAWAY), and the connection ends when what is in flight has.
    ingress.handle.shutdown(std::time::Duration::from_secs(20)).await;
    driver.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_tls_the_way_to_it_is_shown_and_challenges_are_answered() {
    let app = App::start("A").await;
    let one = certificate(&["x.test"]);
    let mut ingress = with_tls(&app, &[&one]).await;
    let port = ingress.handle.tls_addr().unwrap().port();
    let answer = ingress.get("x.test", "/a?b=c").await;
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location"), Some(format!("https://x.test:{port}/a?b=c").as_str()));
    // Without a certificate there is nowhere to send anybody.
    assert_eq!(ingress.get("a.y.test", "/").await.text(), "A");
    let answers = HashMap::from([("token".to_owned(), "token.thumbprint".to_owned())]);
    ingress.control.send(ControlToIngress::Challenges { version: 1, answers }).await.unwrap();
    ingress.change(vec![], vec![]).await;
    for host in ["x.test", "unknown.test"] {
        let answer = ingress.get(host, "/.well-known/acme-challenge/token").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "token.thumbprint"), "{host}");
    }
    assert_eq!(ingress.get("unknown.test", "/.well-known/acme-challenge/other").await.status, 404);
}

#[tokio::test]
async fn who_does_not_shake_hands_is_shown_out() {
    let app = App::start("A").await;
    let one = certificate(&["x.test"]);
    let mut ingress = TestIngress::start_with(|options| {
        options.listen_tls = Some(([127, 0, 0, 1], 0).into());
        options.limits.header_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    tell(&mut ingress, true, &[&one]).await;
    ingress.table(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    let mut silent = crate::client::Visitor::connect(ingress.handle.tls_addr().unwrap()).await;
    assert!(silent.rest().await.is_empty());
    let mut plain = crate::client::Visitor::connect(ingress.handle.tls_addr().unwrap()).await;
    plain.send("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n").await;
    assert!(!String::from_utf8_lossy(&plain.rest().await).contains("HTTP/1.1 200"));
}

/// Certificates that were told are served after a restart with nobody at the other end of the link.
#[tokio::test]
async fn a_restart_serves_by_the_certificates_that_were_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("certificates");
    let (app, one) = (App::start("A").await, certificate(&["x.test"]));
    let keeping = |options: &mut pierhead_ingress::Options| {
        options.listen_tls = Some(([127, 0, 0, 1], 0).into());
        options.certificate_copy = Some(path.clone());
    };
    let mut ingress = TestIngress::start_with(keeping).await;
    tell(&mut ingress, true, &[&one]).await;
    ingress.table(vec![service("x.test", "1aaaaaaaaa", &[app.address])]).await;
    eventually("they are kept", || path.exists()).await;
    drop(ingress);
    let mut ingress = TestIngress::start_with(keeping).await;
    assert!(connect(&ingress, "x.test", &one, &[]).await.is_ok());
    // What the control plane says counts, once it says something.
    tell(&mut ingress, true, &[]).await;
    ingress.table(vec![]).await;
    assert!(connect(&ingress, "x.test", &one, &[]).await.is_err());
    drop(ingress);
    // Torn: not used, and not in the way.
    fs_err::write(&path, "pierhead-certificates-1 torn\n[]").unwrap();
    let mut ingress = TestIngress::start_with(keeping).await;
    tell(&mut ingress, true, &[&one]).await;
    ingress.table(vec![]).await;
    assert!(connect(&ingress, "x.test", &one, &[]).await.is_ok());
}
