//! Keeping caches within their budget.
//!
//! Layers, dependencies, mirrors and framework caches can all be made again; what nothing uses goes when they are too large
//! together, the longest unused first. What a held deployment may mount is never touched, and neither is what was used
//! within the hour: a build may be about to mount it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pierhead_model::assignment::Phase;

use crate::durable;
use crate::node::Node;
use crate::overlay;

/// How long what was used is left alone.
const RECENT: Duration = Duration::from_secs(3600);

/// Something that can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cached {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// Removes what is beyond the budget.
pub(crate) async fn collect(node: Arc<Node>) {
    let protected = protected(&node);
    let budget = node.options.cache_budget_bytes;
    let folders =
        [node.layout.layers(), node.layout.dependencies(), node.layout.mirrors(), node.layout.all_caches()];
    let collected = durable::blocking(move || {
        let mut cached = Vec::new();
        for folder in folders {
            for entry in fs_err::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    let used = fs_err::metadata(&path)?.modified()?;
                    cached.push(Cached { bytes: overlay::usage(&path, u64::MAX).0, path, used });
                }
            }
        }
        for path in surplus(cached, budget, &protected, SystemTime::now()) {
            tracing::info!(path = %path.display(), "removing a cache to keep within the budget");
            fs_err::remove_dir_all(path)?;
        }
        Ok(())
    });
    if let Err(error) = collected.await {
        tracing::warn!(%error, "caches could not be tidied up; trying again later");
    }
}

/// Folders that releases of held deployments lie in.
fn protected(node: &Node) -> HashSet<PathBuf> {
    let live =
        node.book.all().into_iter().filter(|report| matches!(report.phase, Phase::Released | Phase::Healthy));
    let digests = live.filter_map(|report| report.release).flat_map(|release| release.manifests());
    digests.filter_map(|digest| node.layers.local(digest)).collect()
}

/// What has to go, longest unused first.
fn surplus(
    mut cached: Vec<Cached>,
    budget: u64,
    protected: &HashSet<PathBuf>,
    now: SystemTime,
) -> Vec<PathBuf> {
    let mut total: u64 = cached.iter().map(|one| one.bytes).sum();
    cached.retain(|one| {
        let recent = now.duration_since(one.used).is_ok_and(|age| age < RECENT) || one.used > now;
        !recent && !protected.contains(&one.path)
    });
    cached.sort_by_key(|one| one.used);
    let mut gone = Vec::new();
    for one in cached {
        if total <= budget {
            break;
        }
        total -= one.bytes;
        gone.push(one.path);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_what_is_used_stays() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let cached = |name: &str, bytes: u64, hours: u64| Cached {
            path: name.into(),
            bytes,
            used: now - Duration::from_secs(hours * 3600),
        };
        let all = || {
            vec![cached("new", 10, 0), cached("old", 10, 9), cached("live", 10, 99), cached("older", 10, 50)]
        };
        let protected = HashSet::from([PathBuf::from("live")]);
        let gone = |budget: u64| surplus(all(), budget, &protected, now);
        assert_eq!(gone(40), Vec::<PathBuf>::new());
        assert_eq!(gone(39), [PathBuf::from("older")]);
        assert_eq!(gone(0), [PathBuf::from("older"), PathBuf::from("old")], "as far as it goes");
    }
}
