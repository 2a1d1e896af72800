//! A deployment with the names around it: what most readers want.

use std::collections::HashMap;

use pierhead_model::Timestamp;
use pierhead_model::assignment::Report;
use pierhead_model::deployment::Deployment;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::EnvironmentId;
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use pierhead_model::release::Release;
use sea_orm::entity::prelude::*;

use super::row;
use crate::db::Db;
use crate::environments::environment;
use crate::projects::{project, slot};
use crate::shares::{self, Share};
use crate::{StoreError, document, releases};

#[derive(Debug, Clone)]
pub struct DeploymentRecord {
    pub deployment: Deployment,
    pub project_name: ProjectName,
    pub slot_name: SlotName,
    pub slot_expires_at: Option<Timestamp>,
    pub environment_id: EnvironmentId,
    pub environment_name: EnvironmentName,
    pub base_domain: Hostname,
    pub trigger: String,
    pub created_by: String,
    pub created_at: Timestamp,
    /// The control plane's own document.
    pub work: String,
    pub report: Option<Report>,
    /// What was built, once it is.
    pub release: Option<Release>,
    /// The node has, or may still have, something of it.
    pub on_node: bool,
    /// What other nodes run of it.
    pub shares: Vec<Share>,
}

impl DeploymentRecord {
    /// Some node has, or may still have, something of it.
    pub fn is_somewhere(&self) -> bool {
        self.on_node || self.shares.iter().any(|share| share.on_node)
    }
}

/// Few queries for many rows: each kind of neighbour is read once.
pub(super) async fn load(db: &Db, rows: Vec<row::Model>) -> Result<Vec<DeploymentRecord>, StoreError> {
    let error = |error| StoreError::from_db("reading the deployments", error);
    let projects: HashMap<String, project::Model> = {
        let ids = distinct(rows.iter().map(|row| &row.project_id));
        let found =
            project::Entity::find().filter(project::Column::Id.is_in(ids)).all(db).await.map_err(error)?;
        found.into_iter().map(|row| (row.id.clone(), row)).collect()
    };
    let slots: HashMap<String, slot::Model> = {
        let ids = distinct(rows.iter().map(|row| &row.slot_id));
        let found = slot::Entity::find().filter(slot::Column::Id.is_in(ids)).all(db).await.map_err(error)?;
        found.into_iter().map(|row| (row.id.clone(), row)).collect()
    };
    let environments: HashMap<String, environment::Model> = {
        let found = environment::Entity::find().all(db).await.map_err(error)?;
        found.into_iter().map(|row| (row.id.clone(), row)).collect()
    };
    let releases: HashMap<String, releases::row::Model> = {
        let digests = distinct(rows.iter().filter_map(|row| row.release_digest.as_ref()));
        let with_digest = releases::row::Column::Digest.is_in(digests);
        let found = releases::row::Entity::find().filter(with_digest).all(db).await.map_err(error)?;
        found.into_iter().map(|row| (row.digest.clone(), row)).collect()
    };
    let mut shares = shares::of_deployments(db, rows.iter().map(|row| row.id.clone()).collect()).await?;
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        // A slot or project that is being removed may be gone a moment earlier than its deployments.
        let (Some(project), Some(slot)) = (projects.get(&row.project_id), slots.get(&row.slot_id)) else {
            continue;
        };
        let Some(environment) = environments.get(&slot.environment_id) else { continue };
        let release = row.release_digest.as_ref().and_then(|digest| releases.get(digest));
        records.push(DeploymentRecord {
            deployment: row.deployment()?,
            project_name: document::parse("project", &project.name)?,
            slot_name: document::parse("slot", &slot.name)?,
            slot_expires_at: slot.expires_at.map(document::time).transpose()?,
            environment_id: document::parse("environment", &environment.id)?,
            environment_name: document::parse("environment", &environment.name)?,
            base_domain: document::parse("base domain", &environment.base_domain)?,
            created_at: document::time(row.created_at)?,
            report: row.report.as_deref().map(|text| document::read("report", text)).transpose()?,
            release: release.map(|release| document::read("release", &release.body)).transpose()?,
            on_node: row.on_node,
            shares: shares.remove(&row.id).unwrap_or_default(),
            trigger: row.trigger_kind,
            created_by: row.created_by,
            work: row.work,
        });
    }
    Ok(records)
}

fn distinct<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let ids: std::collections::BTreeSet<&String> = ids.collect();
    ids.into_iter().cloned().collect()
}
