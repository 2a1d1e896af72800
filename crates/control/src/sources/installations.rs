//! What becomes of an app's installation: projects that were connected through one that ended are told so.

use super::payload::{Installation, InstallationChange};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Notes it at every project that goes through the installation; in words, what followed. The same told twice changes nothing.
pub(crate) async fn told(core: &Core, told: &Installation) -> Result<String, Error> {
    let (mut cut, mut back) = (0_u32, 0_u32);
    for link in core.store.source_links_of(told.id).await.stored()? {
        let trouble = match &told.change {
            InstallationChange::Ended(word) => Some(format!(
                "the GitHub App was {word} by {}: install it again, or connect in another way",
                told.account
            )),
            InstallationChange::Usable => None,
            InstallationChange::Repositories { removed, .. } if removed.contains(&link.repository_id) => {
                Some(format!("{} was taken away from the GitHub App by {}", link.repository, told.account))
            }
            InstallationChange::Repositories { added, .. } if added.contains(&link.repository_id) => None,
            InstallationChange::Repositories { .. } => continue,
        };
        if trouble == link.trouble {
            continue;
        }
        if trouble.is_some() {
            cut += 1
        } else {
            back += 1
        }
        core.store.source_link_trouble(&link.project, trouble.as_deref()).await.stored()?;
        core.store.followed_hurry(&link.project, core.outside.now()).await.stored()?;
    }
    if cut + back > 0 {
        core.signals.sources.raise();
    }
    Ok(format!("{cut} projects cannot be entered through it any more, {back} can again"))
}
