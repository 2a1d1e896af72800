//! TLS 1.3 between a control plane and an agent: both show a certificate, and neither asks anybody else about it.
//!
//! The handshake proves that each side holds the key of the certificate it shows. Who that is comes after it, from the
//! token's proof (see [`super::proof`]).

use std::io;
use std::sync::Arc;

use pierhead_model::digest::Digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::certificate::Certificate;

/// What is spoken inside: both sides must say the same.
const PROTOCOL: &[u8] = b"pierhead-link/1";
/// Of the exporter whose output binds proofs to this very channel (RFC 8446, 7.5).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-pierhead-link-1";

/// Both directions, for one certificate.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    acceptor: TlsAcceptor,
    thumbprint: Digest,
}

/// What is known of a channel once it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channel {
    /// The same on both ends of one channel, and on no other.
    pub(super) exporter: [u8; 32],
    pub(super) theirs: Digest,
}

impl Tls {
    /// With the certificate of this side.
    pub fn new(certificate: &Certificate) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let any = Arc::new(AnyHolder(provider.signature_verification_algorithms));
        let chain = || vec![certificate.chain.clone()];
        let mut client = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<AnyHolder>::clone(&any))
            .with_client_auth_cert(chain(), certificate.private_key())?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(any)
            .with_single_cert(chain(), certificate.private_key())?;
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        // A resumed channel shows no certificate.
        client.resumption = rustls::client::Resumption::disabled();
        server.send_tls13_tickets = 0;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(client)),
            acceptor: TlsAcceptor::from(Arc::new(server)),
            thumbprint: certificate.thumbprint(),
        })
    }

    /// Of this side's certificate.
    pub const fn thumbprint(&self) -> Digest {
        self.thumbprint
    }

    /// The channel alone, for tests that are a thief.
    #[doc(hidden)]
    pub async fn connect_raw<Io>(&self, io: Io) -> io::Result<TlsStream<Io>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        Ok(self.connect(io).await?.0)
    }

    /// The channel alone, for tests that are a thief.
    #[doc(hidden)]
    pub async fn accept_raw<Io>(&self, io: Io) -> io::Result<TlsStream<Io>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        Ok(self.accept(io).await?.0)
    }

    pub(super) async fn connect<Io>(&self, io: Io) -> io::Result<(TlsStream<Io>, Channel)>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        // Self-signed certificates have no name that would mean anything.
        let name = ServerName::try_from("pierhead").map_err(io::Error::other)?;
        let stream = TlsStream::from(self.connector.connect(name, io).await?);
        let channel = channel(&stream)?;
        Ok((stream, channel))
    }

    pub(super) async fn accept<Io>(&self, io: Io) -> io::Result<(TlsStream<Io>, Channel)>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsStream::from(self.acceptor.accept(io).await?);
        let channel = channel(&stream)?;
        Ok((stream, channel))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

fn channel<Io>(stream: &TlsStream<Io>) -> io::Result<Channel> {
    let connection = match stream {
        TlsStream::Client(stream) => Connection::Client(stream.get_ref().1),
        TlsStream::Server(stream) => Connection::Server(stream.get_ref().1),
    };
    let (protocol, certificates, exporter) = match connection {
        Connection::Client(it) => (
            it.alpn_protocol(),
            it.peer_certificates(),
            it.export_keying_material([0; 32], EXPORTER_LABEL, None),
        ),
        Connection::Server(it) => (
            it.alpn_protocol(),
            it.peer_certificates(),
            it.export_keying_material([0; 32], EXPORTER_LABEL, None),
        ),
    };
    if protocol != Some(PROTOCOL) {
        return Err(io::Error::other("the other side speaks something else: this is no port of Pierhead's"));
    }
    let certificate = certificates.and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::other("the other side showed no certificate"))?;
    Ok(Channel { exporter: exporter.map_err(io::Error::other)?, theirs: Digest::of(certificate) })
}

enum Connection<'c> {
    Client(&'c rustls::ClientConnection),
    Server(&'c rustls::ServerConnection),
}

/// Accepts whoever holds the key of the certificate that is shown.
#[derive(Debug)]
struct AnyHolder(WebPkiSupportedAlgorithms);

impl AnyHolder {
    fn refuse_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
    }
}

impl ServerCertVerifier for AnyHolder {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl ClientCertVerifier for AnyHolder {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
