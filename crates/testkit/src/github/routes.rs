//! What the stand-in answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, http};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::sending;
use super::{Exchange, GitHub, Inside, InstallationToken, Repository};

const ANSWERS: &str = include_str!("answers.json");
const API: &str = "/api/v3";

/// A status and its document.
type Told = (u16, Value);

/// Who asks.
enum Who {
    App,
    Installation(InstallationToken),
    Person(String),
    Nobody,
    /// Shows something that is no token.
    Refused,
}

/// A question, taken apart.
struct Asked<'a> {
    method: &'a str,
    parts: Vec<&'a str>,
    query: HashMap<String, String>,
    body: Value,
}

/// The least that an answer has, with these values in it.
fn template(name: &str, values: Value) -> Value {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let mut answer = answers[name].clone();
    for (key, value) in values.as_object().unwrap() {
        answer[key] = value.clone();
    }
    answer
}

fn refused(status: u16, message: &str) -> Told {
    (status, json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
}

pub(super) async fn answer(
    State(inside): State<Arc<Mutex<Inside>>>,
    method: http::Method,
    uri: http::Uri,
    headers: http::HeaderMap,
    bytes: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let query: Vec<(String, String)> = pairs(uri.query().unwrap_or_default());
    if path == "/login/oauth/access_token" {
        let form: HashMap<String, String> =
            pairs(std::str::from_utf8(&bytes).unwrap_or_default()).into_iter().collect();
        return Json(exchange(&mut inside.lock(), &form)).into_response();
    }
    let Some(below) = path.strip_prefix(API) else { return StatusCode::NOT_FOUND.into_response() };
    let shared = Arc::clone(&inside);
    let mut inside = inside.lock();
    if let Some((status, headers, message)) = inside.instead.pop_front() {
        let mut response =
            (StatusCode::from_u16(status).unwrap(), Json(json!({ "message": message }))).into_response();
        for (name, value) in headers {
            let name = http::HeaderName::try_from(name).unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        return response;
    }
    let body: Option<Value> = (!bytes.is_empty()).then(|| serde_json::from_slice(&bytes).unwrap());
    let decoded: Vec<String> = below.trim_start_matches('/').split('/').map(unescaped).collect();
    let asked = Asked {
        method: method.as_str(),
        parts: decoded.iter().map(String::as_str).collect(),
        query: query.iter().cloned().collect(),
        body: body.clone().unwrap_or_default(),
    };
    let who = who(&inside, &headers);
    let (status, told) = route(&mut inside, &who, &asked);
    if let ("POST", ["repos", _, _, "hooks", id, "pings"], 204) = (asked.method, &asked.parts[..], status) {
        sending::ping(&shared, id.parse().unwrap());
    }
    let page = asked.query.get("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1);
    let has_more = told.get("more").is_some_and(|more| more == true);
    let told = if has_more || told.get("page").is_some() { told["page"].clone() } else { told };
    inside.exchanges.push(Exchange {
        method: asked.method.to_owned(),
        path: below.to_owned(),
        query,
        body,
        status,
        answer: told.clone(),
    });
    let mut response = match status {
        204 => StatusCode::NO_CONTENT.into_response(),
        status => (StatusCode::from_u16(status).unwrap(), Json(told)).into_response(),
    };
    if has_more {
        let link = format!("<{}{API}{below}?page={}>; rel=\"next\"", inside.url, page + 1);
        response.headers_mut().insert("link", link.parse().unwrap());
    }
    response
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescaped(name), unescaped(&value.replace('+', " ")))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn unescaped(text: &str) -> String {
    let (mut out, bytes, mut at) = (Vec::new(), text.as_bytes(), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn who(inside: &Inside, headers: &http::HeaderMap) -> Who {
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = shown.strip_prefix("Bearer ").unwrap_or_default();
    if !shown.is_empty() && token.is_empty() {
        return Who::Refused;
    }
    if let Some(found) = inside.tokens.get(token) {
        return Who::Installation(found.clone());
    }
    match inside.people.get(token) {
        Some(login) => Who::Person(login.clone()),
        None if inside.is_app(token) => Who::App,
        None => Who::Nobody,
    }
}

fn exchange(inside: &mut Inside, form: &HashMap<String, String>) -> Value {
    let of = |name: &str| form.get(name).cloned().unwrap_or_default();
    if of("client_id") != GitHub::CLIENT_ID || of("client_secret") != GitHub::CLIENT_SECRET {
        return json!({ "error": "incorrect_client_credentials" });
    }
    let login = if of("grant_type") == "refresh_token" {
        let Some(login) = inside.refresh.remove(&of("refresh_token")) else {
            return json!({ "error": "bad_refresh_token" });
        };
        login
    } else {
        let proven = BASE64.encode(digest::digest(&digest::SHA256, of("code_verifier").as_bytes()));
        match inside.codes.remove(&of("code")) {
            Some((login, challenge)) if challenge == proven => login,
            _ => return json!({ "error": "bad_verification_code" }),
        }
    };
    let number = inside.next();
    let (token, refresh) = (format!("ghu_{number}"), format!("ghr_{number}"));
    inside.people.retain(|_, known| *known != login);
    inside.people.insert(token.clone(), login.clone());
    inside.refresh.insert(refresh.clone(), login);
    json!({
        "access_token": token, "expires_in": 28800, "refresh_token": refresh,
        "refresh_token_expires_in": 15_897_600, "token_type": "bearer", "scope": "",
    })
}

fn route(inside: &mut Inside, who: &Who, asked: &Asked<'_>) -> Told {
    match (asked.method, asked.parts.as_slice(), who) {
        (_, _, Who::Refused) => refused(401, "Bad credentials"),
        (_, _, Who::Nobody) if !asked.parts.starts_with(&["app-manifests"]) => {
            refused(401, "Bad credentials")
        }
        ("POST", ["app-manifests", code, "conversions"], Who::Nobody) => convert(inside, code),
        ("GET", ["app"], Who::App) => (
            200,
            template(
                "app",
                json!({ "id": GitHub::APP_ID, "slug": "pierhead-test", "name": "Pierhead test", "client_id": GitHub::CLIENT_ID }),
            ),
        ),
        ("GET", ["app", "hook", "config"], Who::App) => (
            200,
            json!({ "url": inside.app_hook, "content_type": "json", "insecure_ssl": "0", "secret": "********" }),
        ),
        ("GET", ["app", "hook", "deliveries"], Who::App) => (200, deliveries(inside, None, asked)),
        ("POST", ["app", "installations", id, "access_tokens"], Who::App) => mint(inside, id, &asked.body),
        ("GET", ["repos", owner, name, "installation"], Who::App) => {
            let found = repository(inside, owner, name).map(|it| it.id);
            let of =
                inside.installations.iter().find(|(_, (_, all))| found.is_some_and(|id| all.contains(&id)));
            of.map_or_else(
                || refused(404, "Not Found"),
                |(id, (account, _))| (200, installation(*id, account)),
            )
        }
        ("GET", ["user"], Who::Person(login)) => (200, account(login)),
        ("GET", ["user", "installations"], Who::Person(login)) => {
            let seen = |(_, (_, all)): &(&u64, &(String, BTreeSet<u64>))| {
                inside.repositories.iter().any(|it| all.contains(&it.id) && may_read(it, login))
            };
            let found: Vec<Value> = inside
                .installations
                .iter()
                .filter(seen)
                .map(|(id, (account, _))| listed(*id, account))
                .collect();
            (200, json!({ "total_count": found.len(), "installations": found }))
        }
        ("GET", ["user", "installations", id, "repositories"], Who::Person(login)) => {
            let all = id.parse().ok().and_then(|id: u64| inside.installations.get(&id));
            let Some((_, all)) = all else { return refused(404, "Not Found") };
            let seen = inside.repositories.iter().filter(|it| all.contains(&it.id) && may_read(it, login));
            let found: Vec<Value> = seen.map(|it| described(inside, it, login, "repository")).collect();
            let total = found.len();
            let (page, more) = paged(found, asked);
            let page = json!({ "total_count": total, "repositories": page });
            (200, json!({ "page": page, "more": more }))
        }
        (_, ["repos", owner, name, rest @ ..], _) => {
            let Some(found) = repository(inside, owner, name).cloned() else {
                return refused(404, "Not Found");
            };
            of_repository(inside, who, asked, &found, rest)
        }
        _ => refused(404, "Not Found"),
    }
}

/// The app that was made of a manifest: the code is good once.
fn convert(inside: &mut Inside, code: &str) -> Told {
    if !inside.manifests.remove(code) {
        return refused(404, "Not Found");
    }
    let app = json!({
        "id": GitHub::APP_ID, "slug": "pierhead-test", "name": "Pierhead test", "client_id": GitHub::CLIENT_ID,
        "client_secret": GitHub::CLIENT_SECRET, "webhook_secret": GitHub::WEBHOOK_SECRET, "pem": inside.private_key,
    });
    (201, template("app", app))
}

fn of_repository(inside: &mut Inside, who: &Who, asked: &Asked<'_>, it: &Repository, rest: &[&str]) -> Told {
    let needed = match rest.first() {
        Some(&("statuses" | "deployments" | "hooks")) => *rest.first().unwrap(),
        Some(&"issues") => "pull_requests",
        _ => "metadata",
    };
    let allowed = match who {
        Who::Person(login) => it.writers.contains(login) || (needed == "metadata" && may_read(it, login)),
        Who::Installation(token) => {
            let inside_it = token.repositories.contains(&it.id);
            inside_it
                && (needed == "metadata" || token.permissions.get(needed).is_some_and(|it| it == "write"))
        }
        Who::App | Who::Nobody | Who::Refused => false,
    };
    if !allowed {
        return refused(404, "Not Found");
    }
    let login = if let Who::Person(login) = who { login.as_str() } else { "pierhead-test[bot]" };
    let id = inside.next();
    let body = &asked.body;
    match (asked.method, rest) {
        ("GET", []) => (200, described(inside, it, login, "full_repository")),
        ("GET", ["branches"]) => {
            let branch = |name: &String| {
                template(
                    "branch",
                    json!({ "name": name, "commit": { "sha": "0".repeat(40), "url": inside.url } }),
                )
            };
            let (page, more) = paged(it.branches.iter().map(branch).collect(), asked);
            (200, json!({ "page": page, "more": more }))
        }
        ("GET", ["git", "matching-refs", "heads", prefix @ ..]) => {
            let found = it.branches.iter().filter(|name| name.starts_with(&prefix.join("/")));
            let object = json!({ "type": "commit", "sha": "0".repeat(40), "url": inside.url });
            let reference = |name: &String| {
                template("reference", json!({ "ref": format!("refs/heads/{name}"), "object": object }))
            };
            (200, found.map(reference).collect())
        }
        ("POST", ["statuses", _]) => {
            let mut status = with(
                template("status", json!({ "id": id, "creator": account(login) })),
                body,
                &["state", "description", "target_url", "context"],
            );
            let told = status.clone();
            status["sha"] = rest[1].into();
            inside.statuses.push(status);
            (201, told)
        }
        ("POST", ["deployments"]) => {
            let made =
                template("deployment", json!({ "id": id, "creator": account(login), "sha": body["ref"] }));
            let made = with(
                made,
                body,
                &[
                    "ref",
                    "task",
                    "environment",
                    "payload",
                    "description",
                    "transient_environment",
                    "production_environment",
                ],
            );
            inside.deployments.push(made.clone());
            (201, made)
        }
        ("GET", ["deployments"]) => {
            let wanted = |made: &&Value| {
                let same = |name: &str| asked.query.get(name).is_none_or(|it| made[name] == **it);
                same("sha") && same("environment")
            };
            (200, inside.deployments.iter().rev().filter(wanted).cloned().collect())
        }
        ("POST", ["deployments", of, "statuses"]) => {
            let Ok(of) = of.parse() else { return refused(404, "Not Found") };
            let made = template("deployment_status", json!({ "id": id, "creator": account(login) }));
            let made = with(made, body, &["state", "description", "environment_url", "log_url"]);
            inside.deployment_statuses.push((of, made.clone()));
            (201, made)
        }
        ("GET", ["issues", number, "comments"]) => {
            let number: u64 = number.parse().unwrap_or_default();
            let found = inside.comments.iter().filter(|(of, _)| *of == number).map(|(_, it)| it.clone());
            let (page, more) = paged(found.collect(), asked);
            (200, json!({ "page": page, "more": more }))
        }
        ("POST", ["issues", number, "comments"]) => {
            let made = template("comment", json!({ "id": id, "user": account(login), "body": body["body"] }));
            inside.comments.push((number.parse().unwrap_or_default(), made.clone()));
            (201, made)
        }
        ("PATCH", ["issues", "comments", id]) => {
            let found = inside.comments.iter_mut().find(|(_, it)| it["id"].as_u64() == id.parse().ok());
            let Some((_, comment)) = found else { return refused(404, "Not Found") };
            comment["body"] = body["body"].clone();
            (200, comment.clone())
        }
        ("GET", ["hooks"]) => (200, inside.hooks.clone().into()),
        ("POST", ["hooks"]) => {
            let made =
                with(template("hook", json!({ "id": id })), body, &["name", "active", "events", "config"]);
            inside.hooks.push(made.clone());
            (201, made)
        }
        ("DELETE", ["hooks", id]) => {
            let before = inside.hooks.len();
            inside.hooks.retain(|it| it["id"].as_u64() != id.parse().ok());
            if inside.hooks.len() < before { (204, Value::Null) } else { refused(404, "Not Found") }
        }
        ("POST", ["hooks", id, "pings"]) => match hook(inside, id) {
            Some(_) => (204, Value::Null),
            None => refused(404, "Not Found"),
        },
        ("GET", ["hooks", id, "deliveries"]) => match hook(inside, id) {
            Some(id) => (200, deliveries(inside, Some(id), asked)),
            None => refused(404, "Not Found"),
        },
        _ => refused(404, "Not Found"),
    }
}

/// The id of a webhook that is there.
fn hook(inside: &Inside, id: &str) -> Option<u64> {
    let id = id.parse().ok()?;
    inside.hooks.iter().any(|it| it["id"] == id).then_some(id)
}

fn deliveries(inside: &Inside, hook: Option<u64>, asked: &Asked<'_>) -> Value {
    let size = asked.query.get("per_page").and_then(|it| it.parse().ok()).unwrap_or(30);
    let of_it = inside.deliveries.iter().filter(|(of, _)| *of == hook);
    of_it.map(|(_, delivery)| delivery.clone()).take(size).collect()
}

/// What was asked for, in the answer.
fn with(mut answer: Value, body: &Value, names: &[&str]) -> Value {
    for name in names {
        if let Some(value) = body.get(*name) {
            answer[*name] = value.clone();
        }
    }
    answer
}

fn paged(all: Vec<Value>, asked: &Asked<'_>) -> (Vec<Value>, bool) {
    let number =
        |name: &str, usual: usize| asked.query.get(name).and_then(|it| it.parse().ok()).unwrap_or(usual);
    let (size, page) = (number("per_page", 30).min(100), number("page", 1).max(1));
    let more = all.len() > size * page;
    (all.into_iter().skip(size * (page - 1)).take(size).collect(), more)
}

fn mint(inside: &mut Inside, id: &str, body: &Value) -> Told {
    let id: u64 = id.parse().unwrap_or_default();
    let Some((_, all)) = inside.installations.get(&id) else { return refused(404, "Not Found") };
    let wanted: Option<BTreeSet<u64>> =
        body["repository_ids"].as_array().map(|ids| ids.iter().filter_map(Value::as_u64).collect());
    let repositories = wanted.unwrap_or_else(|| all.clone());
    if !repositories.is_subset(all) {
        return refused(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        );
    }
    let permissions: BTreeMap<String, String> =
        serde_json::from_value(body["permissions"].clone()).unwrap_or_default();
    let token = format!("ghs_{}", inside.next());
    let answer = json!({ "token": token, "expires_at": in_an_hour(inside.ahead_s), "permissions": body["permissions"] });
    let kept = InstallationToken { installation: id, repositories, permissions };
    inside.tokens.insert(token, kept);
    (201, template("token", answer))
}

/// As GitHub writes times.
fn in_an_hour(ahead_s: u64) -> String {
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3600 + ahead_s);
    jiff::Timestamp::try_from(later).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn repository<'i>(inside: &'i Inside, owner: &str, name: &str) -> Option<&'i Repository> {
    let wanted = format!("{owner}/{name}");
    inside.repositories.iter().find(|it| it.full_name.eq_ignore_ascii_case(&wanted))
}

fn may_read(it: &Repository, login: &str) -> bool {
    it.writers.contains(login) || it.readers.contains(login)
}

fn described(inside: &Inside, it: &Repository, login: &str, kind: &str) -> Value {
    let (owner, name) = it.full_name.split_once('/').unwrap();
    let authority = inside.url.trim_start_matches("http://");
    let push = it.writers.contains(login);
    template(
        kind,
        json!({
            "id": it.id, "name": name, "full_name": it.full_name, "private": true, "default_branch": "main",
            "clone_url": format!("https://{authority}/{}.git", it.full_name), "owner": account(owner),
            "permissions": { "admin": false, "push": push, "pull": true },
        }),
    )
}

fn account(login: &str) -> Value {
    let id = login.bytes().fold(7_u64, |id, byte| id * 31 % 1_000_003 + u64::from(byte));
    template("user", json!({ "id": id, "login": login, "type": "User", "name": login }))
}

fn installation(id: u64, login: &str) -> Value {
    template(
        "installation",
        json!({ "id": id, "account": account(login), "repository_selection": "selected", "permissions": {} }),
    )
}

fn listed(id: u64, login: &str) -> Value {
    template(
        "listed_installation",
        json!({ "id": id, "account": account(login), "repository_selection": "selected", "permissions": {} }),
    )
}
