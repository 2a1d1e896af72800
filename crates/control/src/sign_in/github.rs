//! GitHub: OAuth 2.0 without OpenID, so its API says who somebody is. The address is the primary one, if it is verified.

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use url::Url;

use super::flow::Flow;
use super::openid::web_form;
use super::web::{Failed, Web};
use super::{Person, ProviderOptions};
use crate::access::address;

#[derive(Debug)]
pub(crate) struct GitHub {
    pub(crate) url: Url,
    pub(crate) api: Url,
}

/// GitHub answers mistakes with 200 too.
#[derive(Deserialize)]
struct Exchanged {
    access_token: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    /// Stays, whatever they call themselves.
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(crate) fn address(&self, options: &ProviderOptions, flow: &Flow, redirect: &str) -> Url {
        let mut url = below(&self.url, "login/oauth/authorize");
        url.query_pairs_mut()
            .append_pair("client_id", &options.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", "read:user user:email")
            .append_pair("state", &flow.state)
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        url
    }

    pub(crate) async fn person(
        &self,
        web: &Web,
        options: &ProviderOptions,
        code: &str,
        flow: &Flow,
        redirect: &str,
    ) -> Result<Person, Failed> {
        let form = [
            ("client_id", options.client_id.as_str()),
            ("client_secret", options.client_secret.expose_secret()),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &flow.verifier),
        ];
        let question = web_form(web.post(&below(&self.url, "login/oauth/access_token")), &form);
        let exchanged: Exchanged = web.json(question).await?;
        let Some(token) = exchanged.access_token else {
            let error = serde_json::json!({ "error": exchanged.error }).to_string();
            let said = super::web::said(error.as_bytes());
            return Err(Failed::new(format!("GitHub did not take the code{said}")));
        };
        let ask = |path| {
            let question = web.get(&below(&self.api, path)).bearer_auth(&token);
            question.header("x-github-api-version", "2022-11-28")
        };
        let account: Account = web.json(ask("user")).await?;
        let addresses: Vec<Address> = web.json(ask("user/emails")).await?;
        let email = primary(addresses);
        Ok(Person {
            issuer: self.url.as_str().trim_end_matches('/').to_owned(),
            subject: account.id.to_string(),
            is_verified: email.is_some(),
            email,
            name: account.name.filter(|name| !name.trim().is_empty()).or(Some(account.login)),
        })
    }
}

/// The primary address, if it is verified; another verified one is not what people go by.
fn primary(addresses: Vec<Address>) -> Option<String> {
    let found = addresses.into_iter().find(|it| it.primary && it.verified)?;
    address::parse(&found.email).ok()
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_primary_and_verified_address_counts() {
        let of = |email: &str, primary, verified| Address { email: email.to_owned(), primary, verified };
        for (addresses, expected) in [
            (vec![of("a@x.com", false, true), of("Ada@x.com", true, true)], Some("ada@x.com")),
            (vec![of("a@x.com", false, true), of("ada@x.com", true, false)], None),
            (vec![], None),
        ] {
            let shown = format!("{addresses:?}");
            assert_eq!(primary(addresses).as_deref(), expected, "{shown}");
        }
    }

    #[test]
    fn addresses_of_an_enterprise_server_keep_their_path() {
        let base: Url = "https://ghe.example.com/api/v3".parse().unwrap();
        assert_eq!(below(&base, "user/emails").as_str(), "https://ghe.example.com/api/v3/user/emails");
        let base: Url = "https://github.com".parse().unwrap();
        assert_eq!(
            below(&base, "login/oauth/authorize").as_str(),
            "https://github.com/login/oauth/authorize"
        );
    }
}
