//! Images that one node needs and another has.
//!
//! Who may have it is asked to store it; the first that has done so ends the search, and so does the last that cannot. Only
//! nodes of the same environment are asked, and the one in this process: a node runs what it is given, so it must not be
//! given anything by those it has nothing to do with.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_model::id::NodeId;

use super::Errand;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Names of images that are the same wherever they were made. Everything else is asked for by its digest.
const COMMON_NAMES: &str = "pierhead/";

/// The searches that are not over.
#[derive(Debug, Default)]
pub(super) struct Seeks(Mutex<HashMap<String, Search>>);

#[derive(Debug, Default)]
struct Search {
    waiting: HashSet<NodeId>,
    /// Those that have not said that they cannot give it.
    asked: HashSet<NodeId>,
}

/// A search that is over, and who waited for it.
#[derive(Debug, PartialEq, Eq)]
struct Over {
    reference: String,
    waiting: Vec<NodeId>,
}

impl Seeks {
    /// Says which of `holders` are to be asked now. Nobody to ask is a search that is over.
    fn begin(&self, seeker: &NodeId, reference: &str, holders: HashSet<NodeId>) -> Vec<NodeId> {
        let mut all = self.0.lock();
        let search = all.entry(reference.to_owned()).or_default();
        search.waiting.insert(seeker.clone());
        let new: Vec<_> = holders.into_iter().filter(|holder| search.asked.insert(holder.clone())).collect();
        if search.asked.is_empty() {
            all.remove(reference);
        }
        new
    }

    fn found(&self, reference: &str) -> Option<Over> {
        self.0.lock().remove_entry(reference).map(over)
    }

    fn refused(&self, reference: &str, holder: &NodeId) -> Option<Over> {
        let mut all = self.0.lock();
        let search = all.get_mut(reference)?;
        search.asked.remove(holder);
        if !search.asked.is_empty() {
            return None;
        }
        all.remove_entry(reference).map(over)
    }

    /// Searches that are over because this node left.
    fn left(&self, node: &NodeId) -> Vec<Over> {
        let mut all = self.0.lock();
        for search in all.values_mut() {
            search.asked.remove(node);
            search.waiting.remove(node);
        }
        all.extract_if(|_, search| search.asked.is_empty() || search.waiting.is_empty()).map(over).collect()
    }

    fn was_asked(&self, reference: &str, holder: &NodeId) -> bool {
        self.0.lock().get(reference).is_some_and(|search| search.asked.contains(holder))
    }
}

fn over((reference, search): (String, Search)) -> Over {
    Over { reference, waiting: search.waiting.into_iter().collect() }
}

/// A node needs an image.
pub(super) async fn seek(core: &Core, seeker: &NodeId, reference: String) -> Result<(), Error> {
    let id = reference.strip_prefix("sha256:").and_then(|id| id.parse().ok());
    if let Some(image) = id
        && is_stored(core, image).await
    {
        core.fleet.send(seeker, Errand::ImageFound { reference, image: Some(image) });
        return Ok(());
    }
    let holders = match id.is_some() || reference.starts_with(COMMON_NAMES) {
        true => holders(core, seeker).await?,
        false => HashSet::new(),
    };
    let nobody = holders.is_empty();
    for holder in core.fleet.seeks.begin(seeker, &reference, holders) {
        core.fleet.keep_image(&holder, reference.clone());
    }
    if nobody {
        core.fleet.send(seeker, Errand::ImageFound { reference, image: None });
    }
    Ok(())
}

/// A node says that it stored an image, or cannot.
pub(super) async fn kept(
    core: &Core,
    holder: &NodeId,
    reference: &str,
    image: Option<Digest>,
) -> Result<(), Error> {
    let seeks = &core.fleet.seeks;
    if !seeks.was_asked(reference, holder) {
        return Ok(());
    }
    let image = match image {
        Some(image) if is_what_was_asked(reference, image) && is_stored(core, image).await => Some(image),
        _ => None,
    };
    let over = if image.is_some() { seeks.found(reference) } else { seeks.refused(reference, holder) };
    over.into_iter().for_each(|over| answer(core, &over, image));
    Ok(())
}

/// A node left.
pub(super) fn gone(core: &Core, node: &NodeId) {
    for over in core.fleet.seeks.left(node) {
        answer(core, &over, None);
    }
}

fn answer(core: &Core, over: &Over, image: Option<Digest>) {
    for node in &over.waiting {
        core.fleet.send(node, Errand::ImageFound { reference: over.reference.clone(), image });
    }
}

/// An image that is asked for by its id is no other.
fn is_what_was_asked(reference: &str, image: Digest) -> bool {
    reference.strip_prefix("sha256:").is_none_or(|id| id == image.to_hex())
}

async fn is_stored(core: &Core, image: Digest) -> bool {
    core.blobs.missing(&[image]).await.is_ok_and(|missing| missing.is_empty())
}

/// Connected nodes that may have what this one needs: of its environment or in this process, and of its architecture.
async fn holders(core: &Core, seeker: &NodeId) -> Result<HashSet<NodeId>, Error> {
    let architecture = core.fleet.connected(seeker).map(|node| node.machine.architecture);
    let Some(node) = core.store.node_find(seeker.as_ref()).await.stored()? else {
        return Ok(HashSet::new());
    };
    let mut nodes: HashSet<_> =
        core.store.node_list(&node.environment).await.stored()?.into_iter().map(|node| node.id).collect();
    nodes.extend(core.fleet.in_this_process());
    nodes.remove(seeker);
    nodes.retain(|node| {
        core.fleet
            .connected(node)
            .is_some_and(|node| Some(&node.machine.architecture) == architecture.as_ref())
    });
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    fn node(number: u128) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, number)
    }

    fn nodes(numbers: &[u128]) -> HashSet<NodeId> {
        numbers.iter().map(|number| node(*number)).collect()
    }

    fn over(reference: &str, waiting: &[u128]) -> Over {
        Over { reference: reference.into(), waiting: waiting.iter().map(|number| node(*number)).collect() }
    }

    #[test]
    fn a_holder_is_asked_once_and_everybody_who_waits_is_answered() {
        let seeks = Seeks::default();
        assert_eq!(seeks.begin(&node(1), "a", nodes(&[3])), [node(3)]);
        assert_eq!(seeks.begin(&node(2), "a", nodes(&[3])), []);
        let mut found = seeks.found("a").unwrap();
        found.waiting.sort();
        assert_eq!(found, over("a", &[1, 2]));
        assert_eq!(seeks.found("a"), None);
    }

    #[test]
    fn the_last_that_cannot_ends_a_search_and_so_does_leaving() {
        let seeks = Seeks::default();
        seeks.begin(&node(1), "a", nodes(&[3, 4]));
        assert_eq!(seeks.refused("a", &node(3)), None);
        assert_eq!(seeks.refused("a", &node(4)), Some(over("a", &[1])));
        seeks.begin(&node(1), "b", nodes(&[3]));
        assert_eq!(seeks.left(&node(3)), [over("b", &[1])]);
        seeks.begin(&node(1), "c", nodes(&[3]));
        assert_eq!(seeks.left(&node(1)), [over("c", &[])], "nobody waits any more");
        assert_eq!(seeks.begin(&node(1), "d", nodes(&[])), []);
        assert_eq!(seeks.found("d"), None, "there was nobody to ask");
    }
}
