//! Everything that remembers: the database, the blobs, the logs.
//!
//! [`Store`] is concrete; which database is inside it is nobody's business outside this crate. Methods are called noun first:
//! `deployment_advance`, `project_list`. Rows are private to the file of their noun; what goes in and out are the model's
//! types and small records.

#![expect(unreachable_pub, reason = "the ORM derives want `pub` items in the private modules of rows")]

mod access;
mod audit;
mod blobs;
mod catalogue;
mod certificates;
mod data_keys;
mod db;
mod deliveries;
mod deployments;
mod device_logins;
mod domains;
mod edge_caches;
mod environments;
mod error;
mod events;
mod feedback;
mod figures;
mod followed;
mod grants;
mod hook_removals;
mod idempotency;
mod identities;
mod ingresses;
mod install;
mod invitations;
mod letters;
mod logs;
mod nodes;
mod notices;
mod orders;
mod password_resets;
mod pipelines;
mod projects;
mod registries;
mod releases;
mod rests;
mod shares;
mod source_access;
mod source_links;
mod teams;
mod unit;
mod uploads;
mod variables;
mod visibility;
mod visitors;

use std::path::PathBuf;
use std::sync::Arc;

pub use access::{InstanceRole, Session, Token, User};
pub use audit::{AuditFilter, AuditRecord, NewAudit};
pub use blobs::BlobStore;
pub use catalogue::{CatalogueEntry, CatalogueKind};
pub use certificates::{CertificateHead, StoredCertificate};
pub use data_keys::WrappedKey;
pub use deliveries::Delivery;
pub use deployments::{
    AcceptedHead, Advanced, DeploymentFilter, DeploymentRecord, GoneLive, NewDeployment, Promised, Summary,
};
pub use device_logins::DeviceLogin;
pub use domains::{Domain, DomainLooked};
pub use environments::Environment;
pub use error::StoreError;
pub use events::EventRecord;
pub use feedback::{Feedback, FeedbackTried};
pub use figures::{FiguresBatch, FiguresOf};
pub use followed::{Ask, Asked, Followed, Looked};
pub use grants::{Grant, GrantOn};
pub use hook_removals::HookRemoval;
pub use idempotency::Begun;
pub use identities::Identity;
pub use ingresses::Ingress;
pub use invitations::{Answer, Invitation};
pub use letters::{LetterCounts, StoredLetter};
pub use logs::{LogQuery, LogStore};
pub use nodes::{Dial, Node, NodeLink, UnknownDial};
pub use notices::{NoticeEndpoint, NoticeState, StoredNotice};
pub use orders::CertificateOrder;
pub use pipelines::{NewPipelineVersion, PipelineVersion};
pub use projects::{Project, ProjectOwner, Slot};
pub use registries::{StoredCredentials, StoredRegistry};
pub use rests::Nap;
pub use shares::Share;
pub use source_access::{StoredAccess, StoredGitCredential};
pub use source_links::{GithubConnection, InstallationToken, SourceLink};
pub use teams::{Member, Team};
use tokio::sync::watch;
pub use unit::Unit;
pub use variables::StoredVariable;
pub use visibility::Visibility;
pub use visitors::VisitorPassword;

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:///path/to/file` or `postgres://…`.
    pub database_url: String,
    /// Blobs and logs lie below this folder.
    pub data_dir: PathBuf,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: db::Db,
    blobs: BlobStore,
    logs: LogStore,
    /// Counts the events written by this process: a reader that waits for it looks into the table.
    events: Arc<watch::Sender<u64>>,
}

impl Store {
    /// Opens everything, making what is missing.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let db = db::open(&options.database_url).await?;
        let blobs = BlobStore::open(&options.data_dir.join("blobs")).await?;
        let logs = LogStore::open(options.data_dir.join("logs"))?;
        let store = Self { db, blobs, logs, events: Arc::new(watch::Sender::new(0)) };
        store.repositories_place().await?;
        Ok(store)
    }

    pub const fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    pub const fn logs(&self) -> &LogStore {
        &self.logs
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        self.db.ping().await.is_ok()
    }
}

/// Documents in text columns.
pub(crate) mod document {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use crate::StoreError;

    pub(crate) fn write<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| StoreError::corrupt(what, error))
    }

    pub(crate) fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| StoreError::corrupt(what, error))
    }

    /// Values that are stored as their own text: ids, names, states.
    pub(crate) fn parse<T>(what: &'static str, text: &str) -> Result<T, StoreError>
    where
        T: TryFrom<String>,
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        T::try_from(text.to_owned()).map_err(|error| StoreError::corrupt(what, error))
    }

    /// Times are milliseconds in the database.
    pub(crate) fn time(milliseconds: i64) -> Result<pierhead_model::Timestamp, StoreError> {
        pierhead_model::Timestamp::from_millisecond(milliseconds)
            .map_err(|error| StoreError::corrupt("time", error))
    }
    /// A number of seconds.
    pub(crate) fn seconds(stored: Option<i64>) -> Option<u32> {
        stored.and_then(|seconds| u32::try_from(seconds).ok())
    }
}
