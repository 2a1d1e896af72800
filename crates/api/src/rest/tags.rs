//! The tags that may be chosen for a service.

use pierhead_control::{TagQuery, TagsView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::values::Time;

/// Tags to choose from, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tags {
    items: Vec<TagItem>,
    /// Always `null`: look for more with `q`.
    next_cursor: Option<String>,
    /// `pinned`: there is no choice; or `selectable`.
    mode: &'static str,
    /// Which tags may be chosen; `null` when the tag is pinned.
    pattern: Option<String>,
    /// What runs when nothing is chosen; `null` for an image that is pinned by its digest.
    default: Option<String>,
    /// `created`: as the registry says when images were made; `name`: it does not say.
    order: &'static str,
    /// There are more than are shown.
    truncated: bool,
    age_s: u64,
    /// Why the registry could not be asked, and this is an older list.
    stale: Option<String>,
}

/// A tag.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TagItem {
    name: String,
    /// When the image was made, if the registry was asked and says so.
    created_at: Option<Time>,
}

impl From<TagsView> for Tags {
    fn from(view: TagsView) -> Self {
        let item = |tag: pierhead_control::TagView| TagItem {
            name: tag.name,
            created_at: tag.created_at.map(Into::into),
        };
        Self {
            items: view.tags.into_iter().map(item).collect(),
            next_cursor: None,
            mode: if view.selectable { "selectable" } else { "pinned" },
            pattern: view.pattern,
            default: view.default,
            order: if view.dated { "created" } else { "name" },
            truncated: view.truncated,
            age_s: view.age_s,
            stale: view.stale,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagListing {
    /// Tags that contain this; `search` is the same.
    #[serde(alias = "search")]
    q: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Ask the registry even if it was asked a moment ago.
    #[serde(default)]
    refresh: bool,
}

impl From<TagListing> for TagQuery {
    fn from(listing: TagListing) -> Self {
        Self { search: listing.q, limit: listing.limit, refresh: listing.refresh }
    }
}
