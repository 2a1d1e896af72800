//! The post, for administrators.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{LetterView, MailView};
use serde::Serialize;
use utoipa::ToSchema;

use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::problem::Problem;

/// Whether letters can be sent, and which were not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mail {
    /// Where letters come from; `null` when none can be sent.
    from: Option<String>,
    /// By which server they go.
    server: Option<String>,
    waiting: u64,
    /// That nobody tries to send any more.
    given_up: u64,
    /// Those that were refused at least once, the newest first; at most 20.
    troubles: Vec<LetterInTrouble>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LetterInTrouble {
    to: String,
    /// What was said when it was tried last.
    error: String,
    tries: u32,
    created_at: Time,
    /// `null` when nobody tries any more.
    next_at: Option<Time>,
}

impl From<LetterView> for LetterInTrouble {
    fn from(view: LetterView) -> Self {
        let LetterView { to, error, tries, created_at, next_at } = view;
        Self { to, error, tries, created_at: created_at.into(), next_at: next_at.map(Into::into) }
    }
}

impl From<MailView> for Mail {
    fn from(view: MailView) -> Self {
        let MailView { way, waiting, given_up, troubles } = view;
        let (from, server) = way.unzip();
        Self { from, server, waiting, given_up, troubles: troubles.into_iter().map(Into::into).collect() }
    }
}

/// Show how letters are sent
///
/// For administrators.
#[utoipa::path(get, path = "/settings/mail", operation_id = "mail_get", tag = "access",
    responses((status = 200, description = "The way, and what is on it", body = Mail)))]
pub(crate) async fn get(State(app): State<Shared>, caller: Caller) -> Result<Answer<Mail>, Problem> {
    Ok(Answer(app.services.mailing.show(&caller.principal).await?.into()))
}

/// Send a letter to oneself
///
/// For administrators: at once, so that a mistake in the settings is told.
#[utoipa::path(post, path = "/settings/mail/test", operation_id = "mail_test", tag = "access",
    responses((status = 204, description = "The server has taken it")))]
pub(crate) async fn test(State(app): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    app.services.mailing.test(&caller.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}
