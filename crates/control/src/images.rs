//! Images in registries: who we are there, and what is there.
//!
//! An image says by its host which registry it is in, and so which credentials are used. What was learnt of a registry (tokens,
//! lists of tags) is kept only as long as its settings stay the same: what one account may see is never shown to another.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::address::AddressRule;
use pierhead_model::pipeline::dry_run::ImageFound;
use pierhead_model::pipeline::image::ImageReference;
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_model::pipeline::tag::TagPattern;
use pierhead_registry::tags::{Dates, Freshness, Keeping, Listing, TagPattern as Glob};
use pierhead_registry::{
    Access, Credentials, Limits, Reference, Registry, RegistryError, RegistryName, TagBrowser, Transport,
};
use pierhead_store::StoredRegistry;
use secrecy::ExposeSecret as _;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Tags whose date is asked for: as many as a person looks at.
const DATED: usize = 20;

/// The way to all registries.
pub(crate) struct Images {
    transport: Transport,
    browser: TagBrowser,
    /// By host.
    known: Mutex<HashMap<RegistryName, (Stamp, Registry)>>,
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").finish_non_exhaustive()
    }
}

/// Tells the settings of a registry from those it had before. `None` for a host that is not registered.
type Stamp = Option<(CatalogueName, u64, Timestamp)>;

impl Images {
    /// `ca_bundle`: PEM certificates of authorities to trust beside the system's.
    pub(crate) fn new(allowed: Vec<IpNet>, ca_bundle: Option<&[u8]>) -> Result<Self, Error> {
        let rule = AddressRule::new(allowed);
        let permits = move |address: IpAddr| rule.permits(address);
        let transport = Transport::new(permits, Limits::default(), ca_bundle).map_err(Error::internal)?;
        Ok(Self { transport, browser: TagBrowser::new(Keeping::default()), known: Mutex::default() })
    }

    /// The registry of a host, with our credentials for it.
    async fn registry(&self, core: &Core, host: &RegistryName) -> Result<Registry, Error> {
        let stored = core.store.registry_by_host(host.as_str()).await.stored()?;
        let stamp: Stamp = stored.as_ref().map(|it| (it.name.clone(), it.version, it.updated_at));
        if let Some((known, registry)) = self.known.lock().get(host)
            && *known == stamp
        {
            return Ok(registry.clone());
        }
        let registry = match &stored {
            Some(stored) => self.connect(core, stored)?,
            None => Registry::new(&self.transport, Access::anonymous(host.clone())).map_err(refused)?,
        };
        self.known.lock().insert(host.clone(), (stamp, registry.clone()));
        Ok(registry)
    }

    /// A registry as it is stored, with nothing learnt yet.
    pub(crate) fn connect(&self, core: &Core, stored: &StoredRegistry) -> Result<Registry, Error> {
        let name: RegistryName = stored.host.parse().map_err(Error::internal)?;
        let credentials = match &stored.credentials {
            None => None,
            Some(sealed) => {
                let place = password_place(&stored.name);
                let password = core.key.open(&place, &sealed.password).map_err(Error::internal)?;
                Some(Credentials::new(sealed.username.clone(), password.expose_secret()))
            }
        };
        let access = Access {
            name,
            credentials,
            plain_http: stored.plain_http,
            token_servers: stored.token_servers.clone(),
        };
        Registry::new(&self.transport, access).map_err(refused)
    }

    /// The tags of an image that match a pattern, newest first.
    pub(crate) async fn tags(
        &self,
        core: &Core,
        image: &ImageReference,
        pattern: &TagPattern,
        freshness: Freshness,
    ) -> Result<Listing, Error> {
        let reference = parse(image)?;
        let registry = self.registry(core, &reference.registry).await?;
        let glob = Glob::new(&as_glob(pattern)).map_err(Error::internal)?;
        let listed =
            self.browser.list(&registry, &reference.repository, &glob, Dates::First(DATED), freshness).await;
        listed.map_err(refused)
    }

    /// Whether an image is there. Asked so that registries which count pulls do not count it.
    pub(crate) async fn find(&self, core: &Core, image: &ImageReference) -> Result<ImageFound, Error> {
        let reference = match parse(image) {
            Ok(reference) => reference,
            Err(error) => return Ok(ImageFound::No(error.to_string())),
        };
        let registry = self.registry(core, &reference.registry).await?;
        Ok(match registry.digest(&reference.repository, &reference.selector()).await {
            Ok(_) => ImageFound::Yes,
            Err(error) if error.is_passing() => ImageFound::Unknown(error.to_string()),
            Err(error) => ImageFound::No(error.to_string()),
        })
    }
}

/// Where the password of a registry is sealed for.
pub(crate) fn password_place(registry: &CatalogueName) -> String {
    format!("registry/{registry}/password")
}

fn parse(image: &ImageReference) -> Result<Reference, Error> {
    image.to_string().parse().map_err(|error| Error::invalid("/image", error))
}

/// The two notations say the same; alternatives are written differently.
fn as_glob(pattern: &TagPattern) -> String {
    match pattern.as_str().split_once('|') {
        None => pattern.as_str().to_owned(),
        Some(_) => format!("{{{}}}", pattern.as_str().replace('|', ",")),
    }
}

pub(crate) fn refused(error: RegistryError) -> Error {
    Error::RegistryFailed { kind: error.name(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_of_patterns_agree() {
        for pattern in ["*", "v*", "main|v?.?|release-*", "a|b"] {
            let pattern = TagPattern::parse(pattern).unwrap();
            let glob = Glob::new(&as_glob(&pattern)).unwrap();
            for tag in ["main", "v1", "v1.2", "v1.22", "release-", "a", "b", "ab", "Main"] {
                assert_eq!(glob.matches(&tag.parse().unwrap()), pattern.matches(tag), "{pattern} {tag}");
            }
        }
    }
}
