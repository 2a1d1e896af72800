//! `git push`: git's smart protocol over HTTP, and the build's log to whoever pushed.
//!
//! Git asks for a name and a password; the password is a token, and the name is anything. What the server says beside the
//! protocol travels in its second band, which git shows as it arrives.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use pierhead_control::{LogItem, LogOf, LogQuery, Principal, PushView};
use pierhead_model::code::Code;
use pierhead_model::deployment::State as DeploymentState;
use serde::Deserialize;

use crate::Shared;
use crate::access::Caller;
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Where all of it is.
pub(crate) const BELOW: &str = "/git/";
const SERVICE: &str = "git-receive-pack";
/// Ends a message of git's protocol.
const FLUSH: &[u8] = b"0000";
/// Between two looks at a deployment that nothing happens to.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of a log that are read at a time.
const AT_ONCE: usize = 1_000;
/// What is shown of one line of a log.
const LONGEST_LINE: usize = 900;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/git/{project}/info/refs", get(advertise))
        .route("/git/{project}/git-receive-pack", post(receive))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    service: Option<String>,
}

/// The first thing that git asks.
async fn advertise(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    if wanted.service.as_deref() != Some(SERVICE) {
        let detail = "Only pushing is possible here: clone from where the source is kept.";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let listed = app.services.pushes.advertise(&caller.principal, name(&project)).await?;
    let mut answer = packet(None, &format!("# service={SERVICE}\n"));
    answer.extend_from_slice(FLUSH);
    answer.extend_from_slice(&listed);
    Ok(answered("advertisement", Body::from(answer)))
}

/// A push. The deployment goes on whether or not somebody listens.
async fn receive(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        let problem = Problem::new(Code::Malformed, "A push is sent as it is, not compressed once more.");
        return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let pack = request.into_body().into_data_stream().map_err(std::io::Error::other).boxed();
    let pushed = app.services.pushes.receive(&caller.principal, name(&project), pack).await?;
    let PushView { answer, notes, deployment } = pushed;
    // Git agreed on bands when the first packet begins with the number of one.
    let banded = answer.get(4).is_some_and(|band| matches!(band, 1..=3));
    let Some(kept) = answer.strip_suffix(FLUSH).filter(|_| banded && !notes.is_empty()) else {
        return Ok(answered("result", Body::from(answer)));
    };
    let mut begun = kept.to_vec();
    for note in &notes {
        begun.extend(said(note));
    }
    let begun = stream::once(async move { Bytes::from(begun) });
    let end = Bytes::from_static(FLUSH);
    let Some(id) = deployment else {
        let whole = begun.chain(stream::once(async move { end }));
        return Ok(answered("result", Body::from_stream(whole.map(Ok::<_, std::io::Error>))));
    };
    let of = LogOf { deployment: &id, node: None };
    let lines = app
        .services
        .logs
        .follow(&caller.principal, of, LogQuery { limit: AT_ONCE, ..LogQuery::default() })
        .await?;
    let live = until_live(Shared::clone(&app), caller.principal.clone(), id.clone());
    let lines = lines.take_until(Box::pin(live)).map(|item| match item {
        LogItem::Line(line) => said(&format!("{:<8} {}", line.step, line.text)),
        LogItem::End(state) => said(&format!("it is {state}")),
    });
    let verdict = async move {
        let view = app.services.deployments.get(&caller.principal, &id).await;
        let text = match view {
            Ok(view) if view.state == DeploymentState::Production => format!("live at {}", view.url),
            Ok(view) => view.failure.map_or_else(String::new, |failure| failure.detail),
            Err(error) => error.to_string(),
        };
        let mut last = said(&text).to_vec();
        last.extend_from_slice(&end);
        Bytes::from(last)
    };
    let whole = begun.chain(lines).chain(stream::once(verdict));
    Ok(answered("result", Body::from_stream(whole.map(Ok::<_, std::io::Error>))))
}

/// The log of what is live has no end. That of a failure does, and is told to it.
async fn until_live(app: Shared, principal: Principal, id: String) {
    while let Ok(view) = app.services.deployments.wait(&principal, &id, PATIENCE).await {
        match view.state {
            DeploymentState::Production => return,
            DeploymentState::Inactive | DeploymentState::Failed => std::future::pending().await,
            DeploymentState::Queued | DeploymentState::Building | DeploymentState::Provisioning => {}
        }
    }
}

/// `shop.git` is `shop`.
fn name(project: &str) -> &str {
    project.strip_suffix(".git").unwrap_or(project)
}

fn answered(kind: &str, body: Body) -> Response {
    let kind = format!("application/x-{SERVICE}-{kind}");
    let buffering = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    let kind = HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let cache = (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    ([(header::CONTENT_TYPE, kind), cache, buffering], body).into_response()
}

/// A packet of git's protocol: its length in four hexadecimal digits, perhaps a band, and its content.
fn packet(band: Option<u8>, text: &str) -> Vec<u8> {
    let length = 4 + usize::from(band.is_some()) + text.len();
    let mut packet = format!("{length:04x}").into_bytes();
    packet.extend(band);
    packet.extend_from_slice(text.as_bytes());
    packet
}

/// A line for people. Control sequences stay here.
fn said(text: &str) -> Bytes {
    let mut plain = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if plain.len() + c.len_utf8() > LONGEST_LINE {
            break;
        }
        plain.push(c);
    }
    plain.push('\n');
    packet(Some(2), &plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_say_how_long_they_are() {
        assert_eq!(packet(None, "# service=git-receive-pack\n"), b"001f# service=git-receive-pack\n");
        assert_eq!(said("a\u{1b}[31mb\r\n"), &b"000c\x02a[31mb\n"[..]);
        let long = said(&"ä".repeat(2000));
        let length = usize::from_str_radix(std::str::from_utf8(&long[..4]).unwrap(), 16).unwrap();
        assert_eq!(length, long.len());
        assert_eq!(name("shop.git"), "shop");
    }
}
