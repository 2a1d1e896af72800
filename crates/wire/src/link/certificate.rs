//! The certificate that one end of a link shows: self-signed, made once, known by its thumbprint.
//!
//! No authority vouches for it and no name in it is looked at. Whether it is the right one is decided by comparing the
//! thumbprint with the one that was seen when both sides had proved the token.

use pierhead_model::digest::Digest;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate and its key.
pub struct Certificate {
    pub(super) chain: CertificateDer<'static>,
    pub(super) key: PrivatePkcs8KeyDer<'static>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("a certificate could not be made")]
    Made(#[source] rcgen::Error),
    #[error("the certificate's file is damaged: it must hold a CERTIFICATE and a PRIVATE KEY")]
    Damaged(#[source] rustls_pki_types::pem::Error),
}

impl Certificate {
    /// A new one, with an ECDSA key on P-256.
    pub fn generate() -> Result<Self, CertificateError> {
        let key = rcgen::KeyPair::generate().map_err(CertificateError::Made)?;
        let mut parameters =
            rcgen::CertificateParams::new(["pierhead".to_owned()]).map_err(CertificateError::Made)?;
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "pierhead");
        let certificate = parameters.self_signed(&key).map_err(CertificateError::Made)?;
        Ok(Self { chain: certificate.der().clone(), key: PrivatePkcs8KeyDer::from(key.serialize_der()) })
    }

    /// Both parts as text, for a file that only its owner may read.
    pub fn to_pem(&self) -> String {
        let block = |label: &str, der: &[u8]| pem::encode(&pem::Pem::new(label, der));
        block("CERTIFICATE", &self.chain) + &block("PRIVATE KEY", self.key.secret_pkcs8_der())
    }

    /// Reads what [`Certificate::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        Ok(Self {
            chain: CertificateDer::from_pem_slice(text.as_bytes()).map_err(CertificateError::Damaged)?,
            key: PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(CertificateError::Damaged)?,
        })
    }

    /// By which the other side knows it again: the SHA-256 of its DER form.
    pub fn thumbprint(&self) -> Digest {
        Digest::of(&self.chain)
    }

    pub(super) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificate").field(&self.thumbprint()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_its_text_and_shows_no_key() {
        let made = Certificate::generate().unwrap();
        let read = Certificate::from_pem(&made.to_pem()).unwrap();
        assert_eq!(read.thumbprint(), made.thumbprint());
        assert_eq!(read.key.secret_pkcs8_der(), made.key.secret_pkcs8_der());
        assert_eq!(format!("{made:?}"), format!("Certificate({:?})", made.thumbprint()));
        assert!(Certificate::from_pem("").is_err());
        assert!(Certificate::from_pem(&made.to_pem()[..200]).is_err());
    }
}
