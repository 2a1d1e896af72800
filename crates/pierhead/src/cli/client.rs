//! Talking to a server: its address, the credentials for it, and what its answers mean.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Failed, Outcome, state_folder};
use crate::output;

const DEFAULT_URL: &str = "http://127.0.0.1:8400";

/// A server, and who we are there.
#[derive(Debug)]
pub(crate) struct Client {
    url: String,
    token: String,
    http: reqwest::Client,
}

/// Kept per user, readable by nobody else.
#[derive(Debug, Serialize, Deserialize)]
struct Credentials {
    url: String,
    access_token: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Otherwise PIERHEAD_EMAIL.
    #[arg(long)]
    email: Option<String>,
}

impl Login {
    /// The password is read from PIERHEAD_PASSWORD or from standard input, never from an argument.
    pub(crate) async fn run(self, url: Option<&str>) -> Outcome {
        let url = server_url(url);
        let email = self.email.or_else(|| std::env::var("PIERHEAD_EMAIL").ok());
        let email = email.ok_or_else(|| Failed::new(2, "Say who you are: --email you@example.com"))?;
        let password = match std::env::var("PIERHEAD_PASSWORD") {
            Ok(password) => password,
            Err(_) => {
                output::say(
                    "Password (end with Enter; it is shown as you type, so prefer PIERHEAD_PASSWORD):",
                );
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).context("the password could not be read")?;
                line.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        let client = Client { url: url.clone(), token: String::new(), http: reqwest::Client::new() };
        let body = json!({ "email": email, "password": password });
        let answer = client.call(Method::POST, "/auth/login", Some(&body)).await?;
        let access_token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        store(&Credentials { url: url.clone(), access_token })?;
        output::say(&format!("Signed in to {url} as {email}"));
        Ok(ExitCode::SUCCESS)
    }
}

fn server_url(flag: Option<&str>) -> String {
    let url = flag.map(ToOwned::to_owned).or_else(|| std::env::var("PIERHEAD_URL").ok());
    url.unwrap_or_else(|| DEFAULT_URL.to_owned()).trim_end_matches('/').to_owned()
}

fn store(credentials: &Credentials) -> anyhow::Result<()> {
    let folder = state_folder()?;
    fs_err::create_dir_all(&folder)?;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.options_mut().mode(0o600);
    let mut file = options.open(folder.join("credentials.json"))?;
    Ok(file.write_all(&serde_json::to_vec_pretty(credentials)?)?)
}

impl Client {
    /// With `PIERHEAD_TOKEN`, or with what `login` kept.
    pub(crate) fn open(url: Option<&str>) -> Result<Self, Failed> {
        let http = reqwest::Client::new();
        if let Ok(token) = std::env::var("PIERHEAD_TOKEN") {
            return Ok(Self { url: server_url(url), token, http });
        }
        let text = fs_err::read(state_folder()?.join("credentials.json"));
        let kept: Option<Credentials> = text.ok().and_then(|text| serde_json::from_slice(&text).ok());
        let Some(kept) = kept else {
            return Err(Failed::new(
                3,
                "You are not signed in. Run: pierhead login --email YOU, or set PIERHEAD_TOKEN",
            ));
        };
        let said = url.map(ToOwned::to_owned).or_else(|| std::env::var("PIERHEAD_URL").ok());
        if let Some(said) = said.filter(|said| said.trim_end_matches('/') != kept.url) {
            return Err(Failed::new(
                3,
                format!("You are signed in to {}, not to {said}. Run: pierhead login", kept.url),
            ));
        }
        Ok(Self { url: kept.url, token: kept.access_token, http })
    }

    /// One call below `/api/v1`.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failed> {
        let response = self.send(method, path, body).await?;
        let text = response.text().await.map_err(|error| self.unreachable(&error))?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text)
            .map_err(|_| Failed::new(1, format!("{} did not answer with JSON", self.url)))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failed> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// The answer as it comes, when it is a good one.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<reqwest::Response, Failed> {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem = response.json::<Value>().await.unwrap_or_default();
        Err(explained(status, &problem))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        let why = if error.is_connect() { "nothing answers there" } else { "the connection broke off" };
        Failed::new(7, format!("{} cannot be reached: {why}. Is the server running? (pierhead up)", self.url))
    }

    pub(crate) async fn logout(&self) -> Outcome {
        self.call(Method::POST, "/auth/logout", None).await?;
        let _ = fs_err::remove_file(state_folder()?.join("credentials.json"));
        output::say("Signed out");
        Ok(ExitCode::SUCCESS)
    }

    pub(crate) async fn whoami(&self, json: bool) -> Outcome {
        let me = self.get("/me").await?;
        if json {
            output::answer(&me.to_string());
        } else {
            let text = |name: &str| me[name].as_str().unwrap_or_default().to_owned();
            output::answer(&format!("{} ({}) on {}", text("email"), text("role"), self.url));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A problem document in words, and the status it means.
fn explained(status: StatusCode, problem: &Value) -> Failed {
    let detail = problem["detail"].as_str().unwrap_or("The server refused this without saying why.");
    let mut message = output::harmless(detail);
    for error in problem["errors"].as_array().into_iter().flatten().skip(1) {
        let text = |name: &str| output::harmless(error[name].as_str().unwrap_or_default());
        message.push_str(&format!("\n  {}: {}", text("pointer"), text("detail")));
    }
    for fix in problem["fixes"].as_array().into_iter().flatten() {
        message.push_str(&format!(
            "\n  {}: {}",
            fix["title"].as_str().unwrap_or_default(),
            fix["command"].as_str().unwrap_or_default()
        ));
    }
    let code = match status.as_u16() {
        401 | 403 => 3,
        404 => 4,
        409 | 412 => 6,
        422 | 400 => 1,
        503 if problem["code"] == "no_capacity" => 9,
        _ => 1,
    };
    Failed::new(code, message)
}
