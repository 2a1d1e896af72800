//! The GitHub App of this installation: who it is, and how it proves that.
//!
//! Its secrets are kept sealed; an app's own token is a JWT that it signs (RS256), good for ten minutes at most:
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app>

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use pierhead_model::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

const SETTING: &str = "github_app";
/// Clocks differ.
const BEFORE_S: i64 = 60;
/// GitHub takes ten minutes at most.
const LIFETIME_S: i64 = 9 * 60;

/// What is known of the app. What is secret in it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct App {
    pub(crate) id: u64,
    /// As it is called in addresses.
    pub(crate) slug: String,
    pub(crate) name: String,
    /// `https://github.com`, or a server of one's own.
    pub(crate) web_url: Url,
    pub(crate) api_url: Url,
    pub(crate) client_id: String,
    client_secret: String,
    private_key: String,
    webhook_secret: String,
    pub(crate) set_by: String,
    pub(crate) set_at: Timestamp,
}

/// Everything that an administrator tells, in the clear.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) web_url: Url,
    pub(crate) api_url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) private_key: SecretString,
    pub(crate) webhook_secret: SecretString,
}

impl App {
    pub(crate) async fn load(core: &Core) -> Result<Option<Self>, Error> {
        let Some(text) = core.store.setting_get(SETTING).await.stored()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(Error::internal)
    }

    /// The one that there has to be.
    pub(crate) async fn needed(core: &Core) -> Result<Self, Error> {
        Self::load(core).await?.ok_or_else(|| Error::Conflict {
            detail:
                "There is no GitHub App here: an administrator makes one first, with `pierhead github app`."
                    .to_owned(),
        })
    }

    pub(crate) fn sealed(core: &Core, told: &Told, by: &str) -> Result<Self, Error> {
        let seal = |what: &str, secret: &SecretString| {
            core.key.seal(&place(what), secret.expose_secret(), &*core.outside).map_err(Error::internal)
        };
        Ok(Self {
            id: told.id,
            slug: told.slug.clone(),
            name: told.name.clone(),
            web_url: told.web_url.clone(),
            api_url: told.api_url.clone(),
            client_id: told.client_id.clone(),
            client_secret: seal("client_secret", &told.client_secret)?,
            private_key: seal("private_key", &told.private_key)?,
            webhook_secret: seal("webhook_secret", &told.webhook_secret)?,
            set_by: by.to_owned(),
            set_at: core.outside.now(),
        })
    }

    /// In the place of the one that there is, within a transaction.
    pub(crate) async fn store(&self, unit: &pierhead_store::Unit) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        unit.setting_delete(SETTING).await.stored()?;
        unit.setting_ensure(SETTING, &text).await.stored().map(drop)
    }

    pub(crate) async fn forget(unit: &pierhead_store::Unit) -> Result<bool, Error> {
        unit.setting_delete(SETTING).await.stored()
    }

    pub(crate) fn client_secret(&self, core: &Core) -> Result<SecretString, Error> {
        core.key.open(&place("client_secret"), &self.client_secret).map_err(Error::internal)
    }

    pub(crate) fn webhook_secret(&self, core: &Core) -> Result<SecretString, Error> {
        core.key.open(&place("webhook_secret"), &self.webhook_secret).map_err(Error::internal)
    }

    /// What proves that one is the app, for a few minutes.
    pub(crate) fn jwt(&self, core: &Core) -> Result<SecretString, Error> {
        let key = core.key.open(&place("private_key"), &self.private_key).map_err(Error::internal)?;
        let key = key_pair(key.expose_secret())
            .map_err(|why| Error::Unavailable { detail: format!("The GitHub App's private key {why}.") })?;
        signed(&key, &self.id.to_string(), core.outside.now()).map_err(Error::internal)
    }

    /// The host that repositories of it are on.
    pub(crate) fn authority(&self) -> String {
        authority_of(&self.web_url)
    }

    /// Where it is installed.
    pub(crate) fn install_url(&self) -> String {
        let web = self.web_url.as_str().trim_end_matches('/');
        // A server of one's own has its apps elsewhere.
        let apps = if self.web_url.host_str() == Some("github.com") { "apps" } else { "github-apps" };
        format!("{web}/{apps}/{}/installations/new", self.slug)
    }
}

/// Host and port, as addresses of repositories there say them.
pub(crate) fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn place(what: &str) -> String {
    format!("github_app/{what}")
}

/// Reads a private key: GitHub's is PKCS #1, tools make PKCS #8 of it.
pub(crate) fn key_pair(pem: &str) -> Result<RsaKeyPair, &'static str> {
    let key = PrivateKeyDer::from_pem_slice(pem.trim().as_bytes())
        .map_err(|_| "must be the file that GitHub gave: it begins with -----BEGIN RSA PRIVATE KEY-----")?;
    let read = match &key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err("must be an RSA key"),
    };
    read.map_err(|_| "must be an RSA key of 2048 bits or more")
}

fn signed(
    key: &RsaKeyPair,
    issuer: &str,
    now: Timestamp,
) -> Result<SecretString, aws_lc_rs::error::Unspecified> {
    let now_s = now.as_second();
    let head = json!({ "alg": "RS256", "typ": "JWT" });
    let claims = json!({ "iat": now_s - BEFORE_S, "exp": now_s + LIFETIME_S, "iss": issuer });
    let text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)?;
    Ok(SecretString::from(format!("{text}.{}", BASE64.encode(signature))))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::KeyPair as _;
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    use super::*;

    #[test]
    fn a_jwt_is_one_that_its_public_key_proves() {
        let made = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = made.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let key = key_pair(&pem).unwrap();
        let now = Timestamp::now();
        let jwt = signed(&key, "7", now).unwrap();
        let public = DecodingKey::from_rsa_der(key.public_key().as_ref());
        let read = jsonwebtoken::decode::<serde_json::Value>(
            jwt.expose_secret(),
            &public,
            &Validation::new(Algorithm::RS256),
        );
        let claims = read.unwrap().claims;
        assert_eq!(claims["iss"], "7");
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 600, "GitHub's bound");
        for bad in ["", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "hunter2"] {
            assert!(key_pair(bad).is_err(), "{bad}");
        }
    }
}
