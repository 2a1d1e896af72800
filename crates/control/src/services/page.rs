//! Lists come in pages; where a page ends is an opaque text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` at the end.
    pub next_cursor: Option<String>,
}

/// Which page somebody wants.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    pub cursor: Option<String>,
    /// 1 to 200, 50 when it is not said.
    pub limit: Option<u32>,
}

impl PageRequest {
    pub(crate) fn limit(&self) -> Result<usize, Error> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit as usize),
            _ => Err(Error::invalid("/limit", "must be between 1 and 200")),
        }
    }

    /// Where the last page of this `list` ended. A cursor of another list or filter is refused.
    pub(crate) fn after<T: DeserializeOwned>(&self, list: &str) -> Result<Option<T>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = BASE64.decode(cursor).map_err(|_| Error::InvalidCursor)?;
        let (of, place): (String, T) = serde_json::from_slice(&bytes).map_err(|_| Error::InvalidCursor)?;
        if of == list { Ok(Some(place)) } else { Err(Error::InvalidCursor) }
    }
}

impl<T> Page<T> {
    /// Cuts what was read (one more than wanted) to a page.
    pub(crate) fn cut<P: Serialize>(
        mut items: Vec<T>,
        limit: usize,
        list: &str,
        place: impl Fn(&T) -> P,
    ) -> Result<Self, Error> {
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = match last {
            Some(last) => {
                Some(BASE64.encode(serde_json::to_vec(&(list, place(last))).map_err(Error::internal)?))
            }
            None => None,
        };
        Ok(Self { items, next_cursor })
    }
}
