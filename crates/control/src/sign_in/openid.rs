//! An OpenID Connect provider: what it says of itself, its keys, and the exchange of a code for an ID token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonwebtoken::jwk::JwkSet;
use pierhead_model::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::flow::Flow;
use super::id_token::{self, Expected, Profile, Unfit};
use super::web::{Failed, Web};
use super::{Person, ProviderOptions};
use crate::access::address;

/// How long what a provider said is believed.
const FRESH_S: i64 = 3600;
/// Keys are asked for again at most this often, whatever keys tokens name.
const KEYS_AGAIN_AFTER_S: i64 = 10;

/// A provider that publishes what it can (OpenID Connect Discovery 1.0).
#[derive(Debug)]
pub(crate) struct OpenId {
    issuer: String,
    known: Mutex<Option<Discovered>>,
}

#[derive(Debug, Clone)]
struct Discovered {
    metadata: Metadata,
    keys: JwkSet,
    at: Timestamp,
    /// When the keys were asked for again, because a token named one that was not there.
    asked_again_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    userinfo_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Each key is read by itself: one of a kind that nobody here knows must not hide the others.
#[derive(Debug, Deserialize)]
struct Keys {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Exchanged {
    id_token: String,
    access_token: String,
}

impl OpenId {
    pub(crate) fn new(issuer: String) -> Self {
        Self { issuer, known: Mutex::default() }
    }

    pub(crate) async fn address(
        &self,
        web: &Web,
        options: &ProviderOptions,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Url, Failed> {
        let mut url = self.discovered(web, now).await?.metadata.authorization_endpoint;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &options.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", "openid email profile")
            .append_pair("state", &flow.state)
            .append_pair("nonce", &flow.nonce)
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    #[expect(clippy::too_many_arguments, reason = "one answer, and everything that it is checked against")]
    pub(crate) async fn person(
        &self,
        web: &Web,
        options: &ProviderOptions,
        code: &str,
        issuer: Option<&str>,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Person, Failed> {
        let mut known = self.discovered(web, now).await?;
        let must_say = known.metadata.authorization_response_iss_parameter_supported;
        match issuer {
            Some(said) if said == known.metadata.issuer => {}
            None if !must_say => {}
            Some(_) | None => return Err(Failed::new("the answer is of another issuer than was asked")),
        }
        let exchanged = exchange(web, options, &known.metadata, code, flow, redirect).await?;
        let expected = Expected {
            issuer: &known.metadata.issuer.clone(),
            client_id: &options.client_id,
            nonce: &flow.nonce,
            now,
        };
        let mut checked = id_token::check(&exchanged.id_token, &known.keys, expected);
        if checked == Err(Unfit::UnknownKey) {
            // Issuers change their keys.
            known = self.with_newer_keys(web, now).await?;
            checked = id_token::check(&exchanged.id_token, &known.keys, expected);
        }
        let mut profile = checked.map_err(|unfit| Failed::new(unfit.to_string()))?;
        if let (None, Some(url)) = (&profile.email, &known.metadata.userinfo_endpoint) {
            profile = userinfo(web, url, &exchanged.access_token, &profile.sub).await?;
        }
        Ok(person(known.metadata.issuer, profile))
    }

    /// What the provider says of itself; asked for again once in a while.
    async fn discovered(&self, web: &Web, now: Timestamp) -> Result<Discovered, Failed> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known
            && now.duration_since(known.at).as_secs() < FRESH_S
        {
            return Ok(known.clone());
        }
        let base = self.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let url: Url = url.parse().map_err(|_| Failed::new(format!("`{base}` is not a URL")))?;
        let metadata: Metadata = web.json(web.get(&url)).await?;
        check(&metadata, &self.issuer, &url)?;
        let keys = keys(web, &metadata.jwks_uri).await?;
        let fresh = Discovered { metadata, keys, at: now, asked_again_at: None };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    async fn with_newer_keys(&self, web: &Web, now: Timestamp) -> Result<Discovered, Failed> {
        let mut known = self.known.lock().await;
        let known = known.as_mut().ok_or_else(|| Failed::new("the provider was not asked yet"))?;
        let lately = |at: Timestamp| now.duration_since(at).as_secs() < KEYS_AGAIN_AFTER_S;
        if !known.asked_again_at.is_some_and(lately) {
            known.keys = keys(web, &known.metadata.jwks_uri).await?;
            known.asked_again_at = Some(now);
        }
        Ok(known.clone())
    }
}

/// A document of somebody else must not decide where our secret goes: it has to name the issuer that was asked for, and
/// whoever is asked with encryption names nothing without.
fn check(metadata: &Metadata, issuer: &str, asked: &Url) -> Result<(), Failed> {
    if metadata.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(Failed::new(format!(
            "`{issuer}` calls itself `{}`: write the issuer as it does",
            metadata.issuer.chars().take(200).collect::<String>()
        )));
    }
    let places = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
    for url in places.into_iter().chain(&metadata.userinfo_endpoint) {
        if url.scheme() != "https" && url.scheme() != asked.scheme() {
            return Err(Failed::new(format!("`{issuer}` names an address without encryption: {url}")));
        }
    }
    Ok(())
}

async fn keys(web: &Web, url: &Url) -> Result<JwkSet, Failed> {
    let found: Keys = web.json(web.get(url)).await?;
    let keys = found.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Ok(JwkSet { keys: keys.collect() })
}

async fn exchange(
    web: &Web,
    options: &ProviderOptions,
    metadata: &Metadata,
    code: &str,
    flow: &Flow,
    redirect: &str,
) -> Result<Exchanged, Failed> {
    let secret = options.client_secret.expose_secret();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", &flow.verifier),
    ];
    let mut question = web.post(&metadata.token_endpoint);
    let methods = &metadata.token_endpoint_auth_methods_supported;
    let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
    if basic {
        // Each half is written as in a form first (RFC 6749, 2.3.1).
        let half = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let both = format!("{}:{}", half(&options.client_id), half(secret));
        question = question.header(reqwest::header::AUTHORIZATION, format!("Basic {}", BASE64.encode(both)));
    } else {
        form.extend([("client_id", options.client_id.as_str()), ("client_secret", secret)]);
    }
    web.json(web_form(question, &form)).await
}

/// As `application/x-www-form-urlencoded`.
pub(crate) fn web_form(question: reqwest::RequestBuilder, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    question.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// What the provider says of whom an ID token named. It must be of the same one.
async fn userinfo(web: &Web, url: &Url, access_token: &str, subject: &str) -> Result<Profile, Failed> {
    let profile: Profile = web.json(web.get(url).bearer_auth(access_token)).await?;
    if profile.sub != subject {
        return Err(Failed::new("the provider told of somebody else than who signed in"));
    }
    Ok(profile)
}

fn person(issuer: String, profile: Profile) -> Person {
    let Profile { sub, email, email_verified, name } = profile;
    let email = email.and_then(|email| address::parse(&email).ok());
    let is_verified = email_verified && email.is_some();
    Person { issuer, subject: sub, email, is_verified, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(issuer: &str, token_endpoint: &str) -> Metadata {
        serde_json::from_value(serde_json::json!({
            "issuer": issuer,
            "authorization_endpoint": "https://id.example.com/authorize",
            "token_endpoint": token_endpoint,
            "jwks_uri": "https://id.example.com/keys",
        }))
        .unwrap()
    }

    #[test]
    fn a_document_of_another_issuer_or_without_encryption_is_not_believed() {
        let asked: Url = "https://id.example.com/.well-known/openid-configuration".parse().unwrap();
        let https = "https://id.example.com/token";
        for (issuer, token_endpoint, good) in [
            ("https://id.example.com", https, true),
            ("https://id.example.com/", https, true),
            ("https://evil.example.com", https, false),
            ("https://id.example.com/tenant", https, false),
            ("https://id.example.com", "http://id.example.com/token", false),
        ] {
            let checked = check(&metadata(issuer, token_endpoint), "https://id.example.com", &asked);
            assert_eq!(checked.is_ok(), good, "{issuer} {token_endpoint}");
        }
    }

    #[test]
    fn an_address_that_is_none_counts_as_unverified() {
        for (email, expected) in [
            (Some("Ada@Example.com"), (Some("ada@example.com"), true)),
            (Some("ada@example.com\r\nBcc: x@y.z"), (None, false)),
            (None, (None, false)),
        ] {
            let profile = Profile {
                sub: "1".to_owned(),
                email: email.map(ToOwned::to_owned),
                email_verified: true,
                name: None,
            };
            let person = person("https://id.example.com".to_owned(), profile);
            assert_eq!((person.email.as_deref(), person.is_verified), expected, "{email:?}");
        }
    }
}
