//! What a browser does between two pages: keeps cookies for each host, follows where it is sent, and sends forms.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;

/// A browser with cookies of its own. It looks at no path and no age of a cookie: an empty one is gone.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Browser {
    fn default() -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: BTreeMap::new() }
    }
}

/// A host and its port: programs on other ports of this machine are other servers.
fn place(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

impl Browser {
    pub async fn get(&mut self, url: &str) -> Response {
        let url: Url = url.parse().unwrap();
        let request = self.http.get(url.clone());
        self.send(&url, request).await
    }

    /// As a page of the same server, with the token that changes need.
    pub async fn post(&mut self, url: &str, csrf: Option<&str>, body: &Value) -> (u16, Value) {
        self.change("POST", url, csrf, body).await
    }

    pub async fn change(
        &mut self,
        method: &str,
        url: &str,
        csrf: Option<&str>,
        body: &Value,
    ) -> (u16, Value) {
        let url: Url = url.parse().unwrap();
        let mut request = self.http.request(method.parse().unwrap(), url.clone()).json(body);
        request = request.header(ORIGIN, url.origin().ascii_serialization());
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        let answer = self.send(&url, request).await;
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn form(&mut self, url: &Url, fields: &str) -> Response {
        let request = self.http.post(url.clone()).body(fields.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(url, request).await
    }

    pub fn cookie(&self, url: &str, name: &str) -> Option<String> {
        self.cookies.get(&place(&url.parse().unwrap()))?.get(name).cloned()
    }

    pub fn set_cookie(&mut self, url: &str, name: &str, value: &str) {
        let place = place(&url.parse().unwrap());
        self.cookies.entry(place).or_default().insert(name.to_owned(), value.to_owned());
    }

    async fn send(&mut self, url: &Url, request: RequestBuilder) -> Response {
        let place = place(url);
        let cookies = self.cookies.entry(place).or_default();
        let all: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, all.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value {
                "" => cookies.remove(name),
                value => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Where an answer sends it; `None` when it is a page.
    pub fn sent_to(answer: &Response) -> Option<Url> {
        let location = answer.headers().get(LOCATION)?.to_str().unwrap();
        Some(answer.url().join(location).unwrap())
    }
}
