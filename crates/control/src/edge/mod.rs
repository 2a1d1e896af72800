//! What the platform has to do with the world before its ingress: whose a hostname is, and who vouches for it.

pub(crate) mod authority;
pub(crate) mod caches;
pub(crate) mod chain;
pub(crate) mod looking;
pub(crate) mod names;
pub(crate) mod records;
pub(crate) mod routes;
pub(crate) mod serving;
pub(crate) mod visiting;

use std::sync::Arc;

use authority::{AcmeOptions, Authority};
use bytes::{Bytes, BytesMut};
use caches::Caches;
use names::{Names, NoNames};
use records::Records;

use crate::error::Error;

/// The ways to DNS and to a certificate authority.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    pub names: Arc<dyn Names>,
    /// Without one, certificates are only uploaded.
    pub acme: Option<AcmeOptions>,
    /// Who keeps the zones of the base domains; wildcards need it.
    pub records: Option<Arc<dyn Records>>,
    /// What stands before the ingresses and keeps answers.
    pub caches: Option<Arc<dyn Caches>>,
}

impl Default for EdgeOptions {
    /// Nobody is asked: no custom domain is ever verified, no certificate ordered.
    fn default() -> Self {
        Self { names: Arc::new(NoNames), acme: None, records: None, caches: None }
    }
}

/// The same, ready to be used.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) names: Arc<dyn Names>,
    pub(crate) authority: Option<Authority>,
    pub(crate) records: Option<Arc<dyn Records>>,
    pub(crate) caches: Option<Arc<dyn Caches>>,
}

impl Edge {
    pub(crate) fn new(options: EdgeOptions) -> Result<Self, Error> {
        let EdgeOptions { names, acme, records, caches } = options;
        Ok(Self { names, authority: acme.map(Authority::new).transpose()?, records, caches })
    }
}

/// A body of at most so many bytes.
async fn bounded(mut response: reqwest::Response, most: usize) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + piece.len() > most {
            return Err(format!("the answer has more than {most} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
