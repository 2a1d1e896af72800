//! How projects' repositories are entered: a credential, sealed, and the host keys that somebody approved.

use pierhead_model::Timestamp;
use pierhead_model::git_access::HostKey;
use pierhead_model::id::ProjectId;
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::{Store, StoreError, document};

/// How one project's repository is entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredAccess {
    pub credential: Option<StoredGitCredential>,
    pub host_keys: Vec<HostKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGitCredential {
    /// `token` or `key`.
    pub kind: String,
    /// Host and port that it is for.
    pub authority: String,
    pub username: Option<String>,
    pub sealed: String,
    pub public_key: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "source_access")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        pub kind: Option<String>,
        pub authority: Option<String>,
        pub username: Option<String>,
        pub sealed: Option<String>,
        pub public_key: Option<String>,
        pub created_by: Option<String>,
        pub created_at: Option<i64>,
        pub host_keys: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_access(self) -> Result<StoredAccess, StoreError> {
            let host_keys = document::read("host keys", &self.host_keys)?;
            let credential = match (self.kind, self.authority, self.sealed) {
                (Some(kind), Some(authority), Some(sealed)) => Some(StoredGitCredential {
                    kind,
                    authority,
                    sealed,
                    username: self.username,
                    public_key: self.public_key,
                    created_by: self.created_by.unwrap_or_default(),
                    created_at: document::time(self.created_at.unwrap_or_default())?,
                }),
                _ => None,
            };
            Ok(StoredAccess { credential, host_keys })
        }
    }
}

const CREDENTIAL: [row::Column; 7] = [
    row::Column::Kind,
    row::Column::Authority,
    row::Column::Username,
    row::Column::Sealed,
    row::Column::PublicKey,
    row::Column::CreatedBy,
    row::Column::CreatedAt,
];

impl Store {
    /// Nothing stored is no credential.
    pub async fn source_access(&self, project: &ProjectId) -> Result<StoredAccess, StoreError> {
        let found = row::Entity::find_by_id(project.to_string()).one(&self.db).await;
        let found =
            found.map_err(|error| StoreError::from_db("reading how a repository is entered", error))?;
        found.map_or_else(|| Ok(StoredAccess::default()), row::Model::into_access)
    }

    /// Replaces the credential, or takes it away; approved host keys stay.
    pub async fn source_credential_put(
        &self,
        project: &ProjectId,
        credential: Option<StoredGitCredential>,
    ) -> Result<(), StoreError> {
        let mut row = fresh(project, &[])?;
        if let Some(it) = credential {
            row.kind = Set(Some(it.kind));
            row.authority = Set(Some(it.authority));
            row.username = Set(it.username);
            row.sealed = Set(Some(it.sealed));
            row.public_key = Set(it.public_key);
            row.created_by = Set(Some(it.created_by));
            row.created_at = Set(Some(it.created_at.as_millisecond()));
        }
        self.put(row, &CREDENTIAL).await
    }

    /// Replaces the approved host keys; the credential stays.
    pub async fn source_host_keys_put(
        &self,
        project: &ProjectId,
        keys: &[HostKey],
    ) -> Result<(), StoreError> {
        self.put(fresh(project, keys)?, &[row::Column::HostKeys]).await
    }

    async fn put(&self, row: row::ActiveModel, columns: &[row::Column]) -> Result<(), StoreError> {
        let replace =
            OnConflict::column(row::Column::ProjectId).update_columns(columns.iter().copied()).to_owned();
        let done = row::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("storing how a repository is entered", error))
    }

    pub(crate) async fn source_access_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id(project.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("forgetting how a repository is entered", error))
    }
}

fn fresh(project: &ProjectId, host_keys: &[HostKey]) -> Result<row::ActiveModel, StoreError> {
    Ok(row::ActiveModel {
        project_id: Set(project.to_string()),
        kind: Set(None),
        authority: Set(None),
        username: Set(None),
        sealed: Set(None),
        public_key: Set(None),
        created_by: Set(None),
        created_at: Set(None),
        host_keys: Set(document::write("host keys", &host_keys)?),
    })
}
