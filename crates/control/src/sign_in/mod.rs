//! Signing in with an account elsewhere: any OpenID Connect provider, and GitHub, which speaks OAuth 2.0 only.
//!
//! - A browser is sent away with a state, a nonce and a PKCE challenge; what belongs to them stays in that browser, sealed
//!   ([`flow`]). Nothing is stored here until somebody comes back with a good answer.
//! - Who somebody is there is a pair of issuer and subject ([`Person`]). An e-mail address only ever leads to an account when the
//!   provider says that it was verified; the whole rule is the table of [`decide`].
//! - Issuers are asked through [`web`]: bounded, without redirects, and only at addresses that an administrator lets us reach.

pub(crate) mod decide;
pub(crate) mod flow;
pub(crate) mod github;
pub(crate) mod id_token;
pub(crate) mod openid;
pub(crate) mod web;

use pierhead_model::Timestamp;
use secrecy::SecretString;
use url::Url;

use self::flow::Flow;
use self::github::GitHub;
use self::openid::OpenId;
use self::web::Web;

/// A provider, as the settings describe it.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// In addresses: lower-case letters, digits and `-`.
    pub name: String,
    /// On the button.
    pub label: String,
    pub kind: ProviderKind,
    pub client_id: String,
    pub client_secret: SecretString,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderKind {
    OpenId {
        /// As the provider writes it: tokens are compared with it letter by letter.
        issuer: String,
    },
    GitHub {
        /// `https://github.com`, or that of an Enterprise Server.
        url: Url,
        /// Where its API is.
        api: Url,
    },
}

/// Who somebody is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) issuer: String,
    /// Never given to somebody else by that issuer.
    pub(crate) subject: String,
    /// Lower case, and of a form that an address can have.
    pub(crate) email: Option<String>,
    /// Whether the issuer says that the address is theirs.
    pub(crate) is_verified: bool,
    pub(crate) name: Option<String>,
}

/// Why nobody was signed in; the console has a sentence for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// They said no, there.
    Denied,
    /// It took too long, or another browser or tab began it.
    Expired,
    /// The provider did not answer, or not as it should.
    ProviderFailed,
    /// The address is not verified there.
    Unverified,
    /// The address has an account here that never proved to own it.
    AccountUnverified,
    /// Nobody here has this address, and not everybody may make an account.
    NoAccount,
    Disabled,
    /// That account elsewhere is linked to another account here.
    LinkedElsewhere,
}

/// One provider that can be asked.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) options: ProviderOptions,
    asked: Asked,
}

#[derive(Debug)]
enum Asked {
    OpenId(Box<OpenId>),
    GitHub(GitHub),
}

impl Provider {
    pub(crate) fn new(options: ProviderOptions) -> Self {
        let asked = match &options.kind {
            ProviderKind::OpenId { issuer } => Asked::OpenId(Box::new(OpenId::new(issuer.clone()))),
            ProviderKind::GitHub { url, api } => Asked::GitHub(GitHub { url: url.clone(), api: api.clone() }),
        };
        Self { options, asked }
    }

    /// Where a browser is sent.
    pub(crate) async fn address(
        &self,
        web: &Web,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Url, web::Failed> {
        match &self.asked {
            Asked::OpenId(it) => it.address(web, &self.options, flow, redirect, now).await,
            Asked::GitHub(it) => Ok(it.address(&self.options, flow, redirect)),
        }
    }

    /// Whom a code stands for. `issuer` is what the answer named (RFC 9207): an answer of another one is not taken.
    pub(crate) async fn person(
        &self,
        web: &Web,
        code: &str,
        issuer: Option<&str>,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Person, web::Failed> {
        match &self.asked {
            Asked::OpenId(it) => it.person(web, &self.options, code, issuer, flow, redirect, now).await,
            Asked::GitHub(it) => it.person(web, &self.options, code, flow, redirect).await,
        }
    }
}
