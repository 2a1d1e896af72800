//! What admins describe once: services and plugins. Everybody who is signed in may read them, to draw pipelines with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::pipeline::catalogue::{ServiceEntry, read_plugin, read_service};
use pierhead_model::pipeline::image::ImageReference;
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_model::pipeline::plugin::PluginDeclaration;
use pierhead_model::pipeline::service::{ServiceStep, TagMode};
use pierhead_model::pipeline::{Format, Problem};
use pierhead_registry::tags::{Freshness, Order};
use pierhead_store::{CatalogueEntry, CatalogueKind, StoreError};
use serde_json::{Value, json};

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::schemas;

#[derive(Debug)]
pub struct Catalogue(pub(crate) Arc<Core>);

/// An entry, and who made it when.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    pub name: CatalogueName,
    pub entry: T,
    /// Counts the changes: what `ETag` says.
    pub version: u64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Tags somebody may choose from.
#[derive(Debug, Clone)]
pub struct TagsView {
    pub tags: Vec<TagView>,
    /// Whether there is a choice.
    pub selectable: bool,
    /// Which tags may be chosen; `None` when the tag is pinned.
    pub pattern: Option<String>,
    /// The tag that runs when none is chosen. `None` for an image that is pinned by its digest.
    pub default: Option<String>,
    /// Whether the registry told when images were made, and they are in that order.
    pub dated: bool,
    /// The repository has more tags than are read.
    pub truncated: bool,
    /// How old the list is, in seconds.
    pub age_s: u64,
    /// Why this is an old list.
    pub stale: Option<String>,
}

#[derive(Debug, Clone)]
pub struct TagView {
    pub name: String,
    pub created_at: Option<Timestamp>,
}

/// What is asked of a list of tags.
#[derive(Debug, Clone, Default)]
pub struct TagQuery {
    /// Only tags that contain this.
    pub search: Option<String>,
    /// 1 to 1000; 100 when it is not said.
    pub limit: Option<u32>,
    /// Ask the registry even if it was asked a moment ago.
    pub refresh: bool,
}

impl Catalogue {
    pub async fn services(&self, _: &Principal) -> Result<Vec<Listed<ServiceStep>>, Error> {
        let found = self.0.store.catalogue_list(CatalogueKind::Service).await.stored()?;
        found.into_iter().map(listed).collect()
    }

    pub async fn service(&self, _: &Principal, name: &str) -> Result<Listed<ServiceStep>, Error> {
        listed(find(&self.0, CatalogueKind::Service, name).await?)
    }

    pub async fn create_service(
        &self,
        principal: &Principal,
        text: &str,
        format: Format,
    ) -> Result<Listed<ServiceStep>, Error> {
        principal.require_admin()?;
        let entry = service(text, format)?;
        let name = entry.name.to_string();
        let new = new_entry(&self.0, principal, CatalogueKind::Service, entry.name, name, &entry.step)?;
        create(&self.0, principal, new).await.and_then(listed)
    }

    pub async fn replace_service(
        &self,
        principal: &Principal,
        name: &str,
        text: &str,
        format: Format,
        if_version: Option<u64>,
    ) -> Result<Listed<ServiceStep>, Error> {
        principal.require_admin()?;
        let entry = service(text, format)?;
        let before = find(&self.0, CatalogueKind::Service, name).await?;
        same_name(&before.name, &entry.name)?;
        let lookup = before.lookup.clone();
        replace(&self.0, principal, before, lookup, &entry.step, if_version).await.and_then(listed)
    }

    pub async fn plugins(&self, _: &Principal) -> Result<Vec<Listed<PluginDeclaration>>, Error> {
        let found = self.0.store.catalogue_list(CatalogueKind::Plugin).await.stored()?;
        found.into_iter().map(listed).collect()
    }

    pub async fn plugin(&self, _: &Principal, name: &str) -> Result<Listed<PluginDeclaration>, Error> {
        listed(find(&self.0, CatalogueKind::Plugin, name).await?)
    }

    pub async fn create_plugin(
        &self,
        principal: &Principal,
        text: &str,
        format: Format,
    ) -> Result<Listed<PluginDeclaration>, Error> {
        principal.require_admin()?;
        let (name, plugin) = plugin(text, format)?;
        let lookup = plugin.repository.clone();
        let new = new_entry(&self.0, principal, CatalogueKind::Plugin, name, lookup, &plugin)?;
        create(&self.0, principal, new).await.and_then(listed)
    }

    pub async fn replace_plugin(
        &self,
        principal: &Principal,
        name: &str,
        text: &str,
        format: Format,
        if_version: Option<u64>,
    ) -> Result<Listed<PluginDeclaration>, Error> {
        principal.require_admin()?;
        let (new_name, plugin) = plugin(text, format)?;
        let before = find(&self.0, CatalogueKind::Plugin, name).await?;
        same_name(&before.name, &new_name)?;
        let lookup = plugin.repository.clone();
        replace(&self.0, principal, before, lookup, &plugin, if_version).await.and_then(listed)
    }

    /// Removes a service. Pipelines that were saved with it hold what it said.
    pub async fn delete_service(&self, principal: &Principal, name: &str) -> Result<(), Error> {
        self.delete(principal, CatalogueKind::Service, name).await
    }

    /// Removes a plugin. Pipelines that use it cannot be saved or run any more.
    pub async fn delete_plugin(&self, principal: &Principal, name: &str) -> Result<(), Error> {
        self.delete(principal, CatalogueKind::Plugin, name).await
    }

    async fn delete(&self, principal: &Principal, kind: CatalogueKind, name: &str) -> Result<(), Error> {
        principal.require_admin()?;
        let found = find(&self.0, kind, name).await?;
        delete(&self.0, principal, &found).await
    }

    /// The tags that may be chosen for a service, live from its registry.
    pub async fn tags(&self, principal: &Principal, name: &str, query: &TagQuery) -> Result<TagsView, Error> {
        let service = self.service(principal, name).await?.entry;
        tags(&self.0, &service, query).await
    }
}

/// The tags that may be chosen for a service step.
pub(crate) async fn tags(core: &Core, service: &ServiceStep, query: &TagQuery) -> Result<TagsView, Error> {
    let limit = match query.limit.unwrap_or(100) {
        limit @ 1..=1_000 => limit as usize,
        _ => return Err(Error::invalid("/limit", "must be between 1 and 1000")),
    };
    let default = service.image.as_ref().and_then(|image| image.tag()).map(str::to_owned);
    let pattern = match (service.tag_mode(), &service.image) {
        (TagMode::Selectable(pattern), Some(_)) => pattern,
        (TagMode::Selectable(_) | TagMode::Pinned, _) => {
            let pinned = default.iter().map(|tag| TagView { name: tag.clone(), created_at: None });
            return Ok(TagsView {
                tags: pinned.collect(),
                selectable: false,
                pattern: None,
                default,
                dated: false,
                truncated: false,
                age_s: 0,
                stale: None,
            });
        }
    };
    let image = service.image.as_ref().ok_or_else(|| Error::not_found("image", ""))?;
    let freshness = if query.refresh { Freshness::Now } else { Freshness::Kept };
    let listing = core.images.tags(core, image, pattern, freshness).await?;
    let fits = |name: &str| query.search.as_deref().is_none_or(|search| name.contains(search));
    let fitting = listing.tags.iter().filter(|it| fits(it.tag.as_str()));
    let tags: Vec<TagView> = fitting
        .take(limit + 1)
        .map(|it| TagView { name: it.tag.as_str().to_owned(), created_at: it.created })
        .collect();
    Ok(TagsView {
        truncated: listing.truncated || tags.len() > limit,
        tags: tags.into_iter().take(limit).collect(),
        selectable: true,
        pattern: Some(pattern.to_string()),
        default,
        dated: listing.order == Order::Created,
        age_s: listing.age.as_secs(),
        stale: listing.stale.map(|error| error.to_string()),
    })
}

/// What pipelines are expanded with.
pub(crate) async fn all_services(core: &Core) -> Result<BTreeMap<CatalogueName, ServiceStep>, Error> {
    let found = core.store.catalogue_list(CatalogueKind::Service).await.stored()?;
    found.into_iter().map(|entry| listed(entry).map(|it| (it.name, it.entry))).collect()
}

/// What pipelines are validated with.
pub(crate) async fn all_plugins(core: &Core) -> Result<Vec<PluginDeclaration>, Error> {
    let found = core.store.catalogue_list(CatalogueKind::Plugin).await.stored()?;
    found.into_iter().map(|entry| listed(entry).map(|it| it.entry)).collect()
}

fn service(text: &str, format: Format) -> Result<ServiceEntry, Error> {
    read_service(text, format).map_err(|problems| Error::from_problems(&problems))
}

fn plugin(text: &str, format: Format) -> Result<(CatalogueName, PluginDeclaration), Error> {
    let plugin = read_plugin(text, format).map_err(|problems| Error::from_problems(&problems))?;
    if let Some(problem) = schemas::problem(&plugin.schema) {
        return Err(Error::from_problems(&[problem]));
    }
    let is_image = ImageReference::parse(&plugin.repository);
    is_image.map_err(|why| Error::from_problems(&[Problem::error("image", why.to_string())]))?;
    let name = CatalogueName::parse(&plugin.name).map_err(|error| Error::invalid("/name", error))?;
    Ok((name, plugin))
}

fn same_name(before: &CatalogueName, after: &CatalogueName) -> Result<(), Error> {
    if before == after {
        return Ok(());
    }
    Err(Error::invalid("/name", "an entry keeps its name, because pipelines use it: make a new one instead"))
}

const fn what(kind: CatalogueKind) -> &'static str {
    match kind {
        CatalogueKind::Service => "service",
        CatalogueKind::Plugin => "plugin",
        CatalogueKind::Template => "template",
    }
}

pub(crate) async fn find(core: &Core, kind: CatalogueKind, name: &str) -> Result<CatalogueEntry, Error> {
    let not_found = || Error::not_found(what(kind), name.chars().take(80).collect::<String>());
    let name = CatalogueName::parse(name).map_err(|_| not_found())?;
    core.store.catalogue_get(kind, &name).await.stored()?.ok_or_else(not_found)
}

/// Who registered what comes with Pierhead.
const PROVIDER: &str = "pierhead";

/// Registers the plugins that come with this version. What an admin made of one, or under its name, stays.
pub(crate) async fn provide(core: &Core, plugins: Vec<PluginDeclaration>) -> Result<(), Error> {
    for plugin in plugins {
        let name = CatalogueName::parse(&plugin.name).map_err(Error::internal)?;
        let body = serde_json::to_string(&plugin).map_err(Error::internal)?;
        let now = core.outside.now();
        let entry = CatalogueEntry {
            kind: CatalogueKind::Plugin,
            name,
            lookup: plugin.repository,
            body,
            version: 1,
            created_by: PROVIDER.to_owned(),
            created_at: now,
            updated_at: now,
        };
        let done = match core.store.catalogue_get(CatalogueKind::Plugin, &entry.name).await.stored()? {
            None => core.store.catalogue_create(&entry).await,
            Some(known) if known.created_by == PROVIDER && known.version == 1 && known.body != entry.body => {
                let kept = CatalogueEntry { version: known.version, created_at: known.created_at, ..entry };
                core.store.catalogue_update(&kept).await
            }
            Some(_) => Ok(()),
        };
        match done {
            // Its image was registered under another name.
            Ok(()) | Err(StoreError::Taken { .. }) => {}
            Err(error) => return Err(error).stored(),
        }
    }
    Ok(())
}

pub(crate) fn new_entry<T: serde::Serialize>(
    core: &Core,
    principal: &Principal,
    kind: CatalogueKind,
    name: CatalogueName,
    lookup: String,
    body: &T,
) -> Result<CatalogueEntry, Error> {
    let now = core.outside.now();
    Ok(CatalogueEntry {
        kind,
        name,
        lookup,
        body: serde_json::to_string(body).map_err(Error::internal)?,
        version: 1,
        created_by: principal.email.clone(),
        created_at: now,
        updated_at: now,
    })
}

pub(crate) async fn create(
    core: &Core,
    principal: &Principal,
    new: CatalogueEntry,
) -> Result<CatalogueEntry, Error> {
    let taken = match new.kind {
        CatalogueKind::Plugin => format!("{} (or its image {})", new.name, new.lookup),
        CatalogueKind::Service | CatalogueKind::Template => new.name.to_string(),
    };
    let [action, ..] = actions(new.kind);
    let unit = core.store.begin().await.stored()?;
    unit.catalogue_create(&new).await.asked_for(what(new.kind), &taken)?;
    principal.does(core, action, (&new.name, &new.name)).after(told(&new)).commit(unit).await?;
    Ok(new)
}

pub(crate) async fn delete(core: &Core, principal: &Principal, found: &CatalogueEntry) -> Result<(), Error> {
    let [.., action] = actions(found.kind);
    let unit = core.store.begin().await.stored()?;
    unit.catalogue_delete(found.kind, &found.name).await.asked_for(what(found.kind), &found.name)?;
    principal.does(core, action, (&found.name, &found.name)).before(told(found)).commit(unit).await
}

/// As the audit log calls them: made, changed, deleted.
const fn actions(kind: CatalogueKind) -> [&'static str; 3] {
    match kind {
        CatalogueKind::Service => ["service.create", "service.update", "service.delete"],
        CatalogueKind::Plugin => ["plugin.create", "plugin.update", "plugin.delete"],
        CatalogueKind::Template => ["template.create", "template.update", "template.delete"],
    }
}

/// What is told of an entry: not what it says, which may hold anything.
fn told(entry: &CatalogueEntry) -> Value {
    json!({ "version": entry.version, "lookup": entry.lookup })
}

async fn replace<T: serde::Serialize>(
    core: &Core,
    principal: &Principal,
    before: CatalogueEntry,
    lookup: String,
    body: &T,
    if_version: Option<u64>,
) -> Result<CatalogueEntry, Error> {
    let [_, action, _] = actions(before.kind);
    let deed = principal.does(core, action, (&before.name, &before.name)).before(told(&before));
    let changed = CatalogueEntry {
        lookup,
        body: serde_json::to_string(body).map_err(Error::internal)?,
        version: if_version.unwrap_or(before.version),
        updated_at: core.outside.now(),
        ..before
    };
    let unit = core.store.begin().await.stored()?;
    unit.catalogue_update(&changed).await.asked_for(what(changed.kind), &changed.name)?;
    deed.after(told(&changed)).commit(unit).await?;
    find(core, changed.kind, changed.name.as_str()).await
}

pub(crate) fn listed<T: serde::de::DeserializeOwned>(entry: CatalogueEntry) -> Result<Listed<T>, Error> {
    Ok(Listed {
        entry: serde_json::from_str(&entry.body).map_err(Error::internal)?,
        name: entry.name,
        version: entry.version,
        created_by: entry.created_by,
        created_at: entry.created_at,
        updated_at: entry.updated_at,
    })
}
