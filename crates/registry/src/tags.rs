//! The tags that a person chooses from.
//!
//! Filtered by the service's glob and ordered newest first. When images were made is asked of the registry itself, tag by
//! tag, for the first few that fit; the protocol has no cheaper way. It is not asked where every question counts against a
//! limit (Docker Hub counts it as a pull), and where images do not say, the order by name stands ([`crate::order`]).
//!
//! A list is kept for a minute and fetched once however many ask for it meanwhile. When the registry does not answer, the list
//! from before is shown with its age and the reason, for a day; when it answers that we may not see it, nothing is.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use globset::{GlobBuilder, GlobMatcher};
use pierhead_model::Timestamp;
use tokio::time::Instant;

use crate::client::{Registry, TagList};
use crate::error::RegistryError;
use crate::order::{compare, newest_first};
use crate::reference::{Repository, Tag};

const MAX_PATTERN: usize = 256;
/// Requests for dates that are under way at once.
const AT_ONCE: usize = 6;

/// Which tags may be chosen: a glob over the whole tag, such as `v*`, `1.?.*`, `{main,release-*}` or `[0-9]*`.
#[derive(Debug, Clone)]
pub struct TagPattern(GlobMatcher);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern of tags ({why}): `*`, `?`, `[a-z]` and `{{a,b}}` are understood")]
pub struct InvalidPattern {
    pattern: String,
    why: String,
}

impl TagPattern {
    pub fn any() -> Result<Self, InvalidPattern> {
        Self::new("*")
    }

    pub fn new(pattern: &str) -> Result<Self, InvalidPattern> {
        let invalid = |why: String| InvalidPattern { pattern: pattern.chars().take(80).collect(), why };
        if pattern.is_empty() || pattern.len() > MAX_PATTERN {
            return Err(invalid(format!("1 to {MAX_PATTERN} characters")));
        }
        let glob = GlobBuilder::new(pattern).backslash_escape(true).build();
        glob.map(|glob| Self(glob.compile_matcher())).map_err(|error| invalid(error.kind().to_string()))
    }

    pub fn matches(&self, tag: &Tag) -> bool {
        self.0.is_match(tag.as_str())
    }
}

/// How lists are kept.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// For this long a list is as good as new.
    pub fresh: Duration,
    /// For this long after that it is shown if there is no newer one.
    pub stale: Duration,
    /// For this long after a failure the registry is not asked again.
    pub rest: Duration,
    /// Lists that are kept.
    pub lists: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(24 * 60 * 60),
            rest: Duration::from_secs(5),
            lists: 256,
        }
    }
}

/// How current an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    Kept,
    /// Somebody pressed reload: only what came in the last moment is new enough.
    Now,
}

/// Whether to ask when images were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    Unasked,
    /// For this many tags at most, those that are first by name.
    First(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By when images were made, as the registry tells; those that do not say come after, by name.
    Created,
    /// By name.
    Name,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedTag {
    pub tag: Tag,
    pub created: Option<Timestamp>,
}

/// What there is to choose from.
#[derive(Debug, Clone)]
pub struct Listing {
    pub tags: Vec<OfferedTag>,
    pub order: Order,
    /// The repository has more tags than are read.
    pub truncated: bool,
    /// Of the list; more than a moment if it was kept.
    pub age: Duration,
    /// Why this is an old list.
    pub stale: Option<RegistryError>,
}

struct Snapshot {
    list: Arc<TagList>,
    at: Instant,
    /// What is known of when images were made; forgotten with the list, because tags move.
    dates: HashMap<Tag, Option<Timestamp>>,
}

#[derive(Default)]
struct State {
    snapshot: Option<Snapshot>,
    failed: Option<(Instant, RegistryError)>,
}

/// Locked while it is filled, so that it is filled once.
type Place = Arc<tokio::sync::Mutex<State>>;

/// Lists of tags, kept for all registries together.
pub struct TagBrowser {
    keeping: Keeping,
    places: moka::sync::Cache<(u64, Repository), Place>,
}

impl fmt::Debug for TagBrowser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TagBrowser").field("keeping", &self.keeping).finish_non_exhaustive()
    }
}

impl TagBrowser {
    pub fn new(keeping: Keeping) -> Self {
        let places = moka::sync::Cache::builder().max_capacity(keeping.lists).build();
        Self { keeping, places }
    }

    /// The tags of a repository that fit a pattern, newest first.
    pub async fn list(
        &self,
        registry: &Registry,
        repository: &Repository,
        pattern: &TagPattern,
        dates: Dates,
        freshness: Freshness,
    ) -> Result<Listing, RegistryError> {
        let key = (registry.id(), repository.clone());
        let place = self.places.get_with(key, Place::default);
        let mut state = place.lock().await;
        let stale = self.fill(&mut state, registry, repository, freshness).await?;
        let Some(snapshot) = state.snapshot.as_mut() else {
            // `fill` leaves a list or an error.
            return Err(RegistryError::Setup { why: "a list of tags vanished".to_owned() });
        };
        let fitting = snapshot.list.tags.iter().filter(|tag| pattern.matches(tag));
        let mut tags: Vec<Tag> = fitting.cloned().collect();
        newest_first(&mut tags);
        if let Dates::First(most) = dates
            && stale.is_none()
            && !registry.name().is_docker_hub()
        {
            let first = &tags[..most.min(tags.len())];
            learn_dates(registry, repository, first, &mut snapshot.dates).await;
        }
        let with_date = |tag: Tag| {
            let created = snapshot.dates.get(&tag).copied().flatten();
            OfferedTag { tag, created }
        };
        let mut tags: Vec<OfferedTag> = tags.into_iter().map(with_date).collect();
        let order = if tags.iter().any(|tag| tag.created.is_some()) { Order::Created } else { Order::Name };
        // Stable: what has the same date, or none, stays in the order of names.
        tags.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| compare(&a.tag, &b.tag)));
        Ok(Listing { tags, order, truncated: snapshot.list.truncated, age: snapshot.at.elapsed(), stale })
    }

    /// Leaves a list in the place, or fails. An error inside is why the list is an old one.
    async fn fill(
        &self,
        state: &mut State,
        registry: &Registry,
        repository: &Repository,
        freshness: Freshness,
    ) -> Result<Option<RegistryError>, RegistryError> {
        let fresh = match freshness {
            Freshness::Kept => self.keeping.fresh,
            Freshness::Now => Duration::from_secs(1).min(self.keeping.fresh),
        };
        if state.snapshot.as_ref().is_some_and(|snapshot| snapshot.at.elapsed() < fresh) {
            return Ok(None);
        }
        let rested = |at: &Instant| at.elapsed() >= self.keeping.rest || freshness == Freshness::Now;
        let error = match state.failed.take_if(|(at, _)| rested(at)) {
            // Just now it failed: not asked again.
            None if state.failed.is_some() => state.failed.as_ref().map(|(_, error)| error.clone()),
            _ => match registry.tags(repository).await {
                Ok(list) => {
                    let list = Arc::new(list);
                    state.snapshot = Some(Snapshot { list, at: Instant::now(), dates: HashMap::new() });
                    state.failed = None;
                    None
                }
                Err(error) => {
                    state.failed = Some((Instant::now(), error.clone()));
                    Some(error)
                }
            },
        };
        let Some(error) = error else { return Ok(None) };
        let kept = self.keeping.fresh + self.keeping.stale;
        if !error.is_passing() || state.snapshot.as_ref().is_none_or(|snapshot| snapshot.at.elapsed() > kept)
        {
            state.snapshot = None;
            return Err(error);
        }
        Ok(Some(error))
    }
}

impl Default for TagBrowser {
    fn default() -> Self {
        Self::new(Keeping::default())
    }
}

/// Asks for what is not known yet. A failure leaves the rest unknown: dates are a help, not an answer.
async fn learn_dates(
    registry: &Registry,
    repository: &Repository,
    tags: &[Tag],
    known: &mut HashMap<Tag, Option<Timestamp>>,
) {
    // Owned, because a closure over borrowed tags is not general enough for callers that need `Send`.
    let unknown: Vec<Tag> = tags.iter().filter(|tag| !known.contains_key(*tag)).cloned().collect();
    let questions = unknown.into_iter().map(|tag| async move {
        let created = registry.created(repository, &tag).await;
        (tag, created)
    });
    let mut answers = futures::stream::iter(questions).buffer_unordered(AT_ONCE);
    while let Some((tag, answer)) = answers.next().await {
        match answer {
            Ok(created) => {
                known.insert(tag, created);
            }
            // This one image is odd; the others may not be.
            Err(error) if !error.is_passing() => {
                known.insert(tag, None);
            }
            Err(error) => {
                tracing::debug!(%repository, %error, "the dates of tags cannot be had");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_the_whole_tag() {
        for (pattern, fits, fits_not) in [
            ("*", &["latest", "v1.2"][..], &[][..]),
            ("v*", &["v1", "v"], &["1v", "V1"]),
            ("1.?.*", &["1.2.3", "1.2.3-rc1"], &["1.22.3", "11.2.3"]),
            ("{main,release-*}", &["main", "release-7"], &["main2", "release"]),
            ("[0-9]*", &["1", "16-alpine"], &["v1"]),
            ("1.2", &["1.2"], &["1x2", "1.2.3"]),
        ] {
            let compiled = TagPattern::new(pattern).unwrap();
            assert!(fits.iter().all(|tag| compiled.matches(&tag.parse().unwrap())), "{pattern}");
            assert!(!fits_not.iter().any(|tag| compiled.matches(&tag.parse().unwrap())), "{pattern}");
        }
        for pattern in ["", "[", "{a", "[z-a]", &"*".repeat(257)] {
            assert!(TagPattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
