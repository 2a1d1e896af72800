//! A certificate and its key as somebody hands them over: PEM, which may be anything.

use jiff::Timestamp;
use pierhead_model::certificate::Validity;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Certificates in one chain; authorities send two or three.
const MOST: usize = 10;

/// What a chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// In lower case, each once.
    pub(crate) names: Vec<String>,
    pub(crate) validity: Validity,
}

/// Why a chain and a key cannot be used together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("there is no certificate in it: PEM is expected, the certificate itself first")]
    NoCertificate,
    #[error("it has more than {MOST} certificates")]
    TooLong,
    #[error("its certificate number {0} cannot be read")]
    Certificate(usize),
    #[error(
        "its certificate number {0} did not sign the one before it: the certificate itself comes first, then who signed it"
    )]
    Order(usize),
    #[error("it names no host: a subject alternative name is needed")]
    NoName,
    #[error("it ended on {0}")]
    Expired(Timestamp),
    #[error("the key is not a private key in PEM")]
    Key,
    #[error("the key is not that of the certificate, or of a kind that is not used for TLS")]
    Mismatch,
}

impl Unusable {
    /// Whether the key is to blame, and not the chain.
    pub(crate) const fn is_of_key(&self) -> bool {
        matches!(self, Self::Key | Self::Mismatch)
    }
}

/// Reads and checks both.
pub(crate) fn read(chain: &str, key: &str, now: Timestamp) -> Result<Chain, Unusable> {
    let der: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .take(MOST + 1)
        .collect::<Result<_, _>>()
        .map_err(|_| Unusable::NoCertificate)?;
    if der.len() > MOST {
        return Err(Unusable::TooLong);
    }
    let parsed: Vec<X509Certificate<'_>> = der
        .iter()
        .zip(1..)
        .map(|(der, number)| match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Ok(certificate),
            Ok(_) | Err(_) => Err(Unusable::Certificate(number)),
        })
        .collect::<Result<_, _>>()?;
    let Some(own) = parsed.first() else { return Err(Unusable::NoCertificate) };
    for (pair, number) in parsed.windows(2).zip(2..) {
        if let [signed, signer] = pair
            && signed.issuer() != signer.subject()
        {
            return Err(Unusable::Order(number));
        }
    }
    let names = names(own);
    if names.is_empty() {
        return Err(Unusable::NoName);
    }
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let validity = Validity {
        not_before: time(own.validity().not_before.timestamp()),
        not_after: time(own.validity().not_after.timestamp()),
    };
    if validity.not_after <= now {
        return Err(Unusable::Expired(validity.not_after));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Unusable::Key)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(der.clone(), key, &provider).map_err(|_| Unusable::Mismatch)?;
    Ok(Chain { names, validity })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = alternative.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    let mut names: Vec<String> = names.collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    struct Authority {
        pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    fn leaf(authority: &Authority, names: &[&str], until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        (params.signed_by(&key, &authority.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn now() -> Timestamp {
        "2026-11-21T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_chain_and_its_key_say_names_and_times() {
        let authority = authority();
        let (own, key) = leaf(&authority, &["Shop.example.com", "*.example.com"], 2027);
        for chain in [own.clone(), format!("{own}\n{}", authority.pem)] {
            let read = read(&chain, &key, now()).unwrap();
            assert_eq!(read.names, ["shop.example.com", "*.example.com"]);
            assert_eq!(read.validity.not_after.to_string(), "2027-01-01T00:00:00Z");
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let authority = authority();
        let (own, key) = leaf(&authority, &["a.test"], 2027);
        let (other, other_key) = leaf(&authority, &["b.test"], 2027);
        let (old, old_key) = leaf(&authority, &["a.test"], 2026);
        let (nameless, nameless_key) = leaf(&authority, &[], 2027);
        let many = own.repeat(11);
        let torn = own.replacen('M', "!", 1);
        for (chain, key, expected) in [
            ("", key.as_str(), "there is no certificate"),
            ("nothing", &key, "there is no certificate"),
            (&torn, &key, "there is no certificate"),
            (&many, &key, "more than 10"),
            (&format!("{own}{other}"), &key, "number 2 did not sign"),
            (&format!("{}{own}", authority.pem), &key, "number 2 did not sign"),
            (&old, &old_key, "it ended on 2026-01-01"),
            (&nameless, &nameless_key, "it names no host"),
            (&own, "", "not a private key"),
            (&own, &own, "not a private key"),
            (&own, &other_key, "not that of the certificate"),
        ] {
            let refused = read(chain, key, now()).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}: {expected}");
        }
    }
}
