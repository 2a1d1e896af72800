//! Lists: `{items, next_cursor}`, with a `Link` to the next page.

use axum::Json;
use axum::response::{IntoResponse, Response};
use pierhead_control::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    items: Vec<T>,
    /// For `?cursor=` of the next page; `null` at the end.
    next_cursor: Option<String>,
}

/// On an answer: there is another page.
#[derive(Debug, Clone)]
pub(crate) struct NextCursor(pub(crate) String);

impl<T> List<T> {
    pub(crate) fn of<V: Into<T>>(page: Page<V>) -> Self {
        Self { items: page.items.into_iter().map(Into::into).collect(), next_cursor: page.next_cursor }
    }

    /// A list that is short enough to be always whole.
    pub(crate) fn whole<V: Into<T>>(items: impl IntoIterator<Item = V>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), next_cursor: None }
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let next = self.next_cursor.clone();
        let mut response = Json(self).into_response();
        if let Some(cursor) = next {
            response.extensions_mut().insert(NextCursor(cursor));
        }
        response
    }
}

/// Which page somebody wants of a list that is always whole: any size, and there is no second one.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WholeList {
    /// 1 to 200; this list is short and always whole.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
    /// From `next_cursor`, which is `null` here.
    pub(crate) cursor: Option<String>,
}

impl WholeList {
    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.limit.is_some_and(|limit| !(1..=200).contains(&limit)) {
            return Err(Problem::invalid("/limit", "must be between 1 and 200"));
        }
        match self.cursor {
            Some(_) => Err(pierhead_control::Error::InvalidCursor.into()),
            None => Ok(()),
        }
    }
}

/// The page that `limit` and `cursor` of a query ask for.
pub(crate) const fn page(cursor: Option<String>, limit: Option<u32>) -> PageRequest {
    PageRequest { cursor, limit }
}
