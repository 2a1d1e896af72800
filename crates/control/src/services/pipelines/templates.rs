//! Templates: pipelines that are kept as a beginning for new projects.

use std::sync::Arc;

use pierhead_model::pipeline::document::problem::has_errors;
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_model::pipeline::{Format, Pipeline, Severity};
use pierhead_store::CatalogueKind;

use super::checking;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::services::auth::Principal;
use crate::services::catalogue::{Listed, create, delete, find, listed, new_entry};

#[derive(Debug)]
pub struct Templates(pub(crate) Arc<Core>);

/// A template somebody makes of a pipeline.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    pub name: String,
    /// A pipeline document.
    pub text: String,
    pub format: Format,
}

impl Templates {
    pub async fn list(&self, _: &Principal) -> Result<Vec<Listed<Pipeline>>, Error> {
        let found = self.0.store.catalogue_list(CatalogueKind::Template).await.stored()?;
        found.into_iter().map(listed).collect()
    }

    pub async fn get(&self, _: &Principal, name: &str) -> Result<Listed<Pipeline>, Error> {
        listed(find(&self.0, CatalogueKind::Template, name).await?)
    }

    pub async fn create(&self, principal: &Principal, new: NewTemplate) -> Result<Listed<Pipeline>, Error> {
        principal.require_admin()?;
        let name = CatalogueName::parse(&new.name).map_err(|error| Error::invalid("/name", error))?;
        let checked =
            checking::check(&self.0, principal, None, &new.text, new.format, Severity::Warning).await?;
        let Some(pipeline) = checked.pipeline.filter(|_| !has_errors(&checked.problems)) else {
            return Err(Error::from_problems(&checked.problems));
        };
        let lookup = name.to_string();
        let entry = new_entry(&self.0, principal, CatalogueKind::Template, name, lookup, &pipeline)?;
        create(&self.0, principal, entry).await.and_then(listed)
    }

    pub async fn delete(&self, principal: &Principal, name: &str) -> Result<(), Error> {
        principal.require_admin()?;
        let found = find(&self.0, CatalogueKind::Template, name).await?;
        delete(&self.0, principal, &found).await
    }
}
