//! Certificates by hostname, and what is said without TLS on the way to them.
//!
//! A name is looked up as it is, then as its wildcard: a certificate covers one label to the left and no more (RFC 6125). Names
//! that nobody ordered a certificate for get no handshake; nothing is ever ordered because somebody asked for a name.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, Uri};
use parking_lot::RwLock;
use pierhead_wire::certificate::Certificate;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::body::Body;
use crate::error::IngressError;
use crate::response;

/// How HTTP/2 is called in a handshake.
pub(crate) const H2: &[u8] = b"h2";
/// Sessions that may be resumed without a full handshake.
const SESSIONS: usize = 20_000;
/// Where an authority looks for the answer to its challenge (RFC 8555, section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Everything that concerns TLS of one ingress.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Where visitors are sent to.
    port: u16,
    certificates: Arc<Certificates>,
    challenges: RwLock<HashMap<String, String>>,
    acceptor: TlsAcceptorShown,
}

/// The acceptor, which has nothing to show.
struct TlsAcceptorShown(TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("the chain is not PEM, or empty")]
    Chain,
    #[error("the key is not a PEM key")]
    Key,
    #[error("the key is not one that can be used, or not that of the certificate")]
    Mismatch(#[source] rustls::Error),
}

impl Tls {
    pub(crate) fn new(port: u16) -> Result<Self, IngressError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificates =
            Arc::new(Certificates { provider: Arc::clone(&provider), by_name: RwLock::default() });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(IngressError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(SESSIONS);
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(IngressError::Tls)?;
        let acceptor = TlsAcceptorShown(TlsAcceptor::from(Arc::new(config)));
        Ok(Self { port, certificates, challenges: RwLock::default(), acceptor })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.0.clone()
    }

    /// Takes certificates: all there are, or those that changed. One that cannot be used is left out, and said so.
    pub(crate) fn take(&self, whole: bool, certificates: Vec<Certificate>, removals: &[String]) {
        let mut taken = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            match self.certificates.read(&certificate) {
                Ok(key) => taken.push((certificate.names, key)),
                Err(error) => {
                    tracing::error!(names = ?certificate.names, %error, "a certificate cannot be used");
                }
            }
        }
        let mut by_name = self.certificates.by_name.write();
        if whole {
            by_name.clear();
        }
        for name in removals {
            by_name.remove(name.as_str());
        }
        for (names, key) in taken {
            for name in names {
                by_name.insert(name.into_boxed_str(), Arc::clone(&key));
            }
        }
    }

    /// The challenges that are open now, by token.
    pub(crate) fn challenge(&self, answers: HashMap<String, String>) {
        *self.challenges.write() = answers;
    }

    /// What is answered without TLS in place of the application: an authority's challenge, or the way to TLS.
    pub(crate) fn instead(&self, host: &str, uri: &Uri) -> Option<Response<Body>> {
        if let Some(token) = uri.path().strip_prefix(CHALLENGES)
            && let Some(answer) = self.challenges.read().get(token)
        {
            let mut response = Response::new(Body::whole(answer.clone().into()));
            let octets = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(http::header::CONTENT_TYPE, octets);
            return Some(response);
        }
        self.certificates.find(host)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let location = match self.port {
            443 => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        };
        let location = HeaderValue::try_from(location).ok()?;
        // The method and the body are kept.
        Some(response::redirect(StatusCode::PERMANENT_REDIRECT, location))
    }
}

#[derive(Debug)]
struct Certificates {
    provider: Arc<CryptoProvider>,
    /// Wildcards as `*.example.com`.
    by_name: RwLock<HashMap<Box<str>, Arc<CertifiedKey>>>,
}

impl Certificates {
    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.read();
        if let Some(found) = by_name.get(name) {
            return Some(Arc::clone(found));
        }
        let (_, parent) = name.split_once('.')?;
        by_name.get(format!("*.{parent}").as_str()).map(Arc::clone)
    }

    fn read(&self, certificate: &Certificate) -> Result<Arc<CertifiedKey>, Unusable> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate.chain.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|_| Unusable::Chain)?;
        if chain.is_empty() {
            return Err(Unusable::Chain);
        }
        let key =
            PrivateKeyDer::from_pem_slice(certificate.key.expose().as_bytes()).map_err(|_| Unusable::Key)?;
        let key = CertifiedKey::from_der(chain, key, &self.provider).map_err(Unusable::Mismatch)?;
        Ok(Arc::new(key))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.find(name.strip_suffix('.').unwrap_or(&name))
    }
}
