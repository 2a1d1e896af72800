//! Certificates, with their sealed keys.

use pierhead_model::Timestamp;
use pierhead_model::certificate::{CertificateSource, Validity};
use pierhead_model::id::ProjectId;
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document};

/// What is known of a certificate without its chain and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHead {
    pub id: String,
    /// `None` for the installation's own names.
    pub project: Option<ProjectId>,
    pub source: CertificateSource,
    /// In lower case, a wildcard as `*.example.com`.
    pub names: Vec<String>,
    pub validity: Validity,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    pub head: CertificateHead,
    /// PEM, the certificate itself first.
    pub chain: String,
    /// Sealed.
    pub key: String,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "certificates")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub project_id: Option<String>,
        pub source: String,
        pub names: String,
        pub chain: String,
        pub key: String,
        pub not_before: i64,
        pub not_after: i64,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// A row without what is large and secret.
    #[derive(Debug, FromQueryResult)]
    pub struct Head {
        pub id: String,
        pub project_id: Option<String>,
        pub source: String,
        pub names: String,
        pub not_before: i64,
        pub not_after: i64,
        pub created_by: String,
        pub created_at: i64,
    }

    impl Head {
        pub(super) fn into_head(self) -> Result<CertificateHead, StoreError> {
            Ok(CertificateHead {
                id: self.id,
                project: self.project_id.as_deref().map(|id| document::parse("project", id)).transpose()?,
                source: self.source.parse().map_err(|error| StoreError::corrupt("certificate", error))?,
                names: document::read("names", &self.names)?,
                validity: Validity {
                    not_before: document::time(self.not_before)?,
                    not_after: document::time(self.not_after)?,
                },
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

const READING: &str = "reading the certificates";
/// Rows that one question asks for: databases bound the number of values.
const AT_ONCE: usize = 200;

impl Store {
    pub async fn certificate_create(&self, new: &StoredCertificate) -> Result<(), StoreError> {
        let head = &new.head;
        let row = row::ActiveModel {
            id: Set(head.id.clone()),
            project_id: Set(head.project.as_ref().map(ToString::to_string)),
            source: Set(head.source.to_string()),
            names: Set(document::write("names", &head.names)?),
            chain: Set(new.chain.clone()),
            key: Set(new.key.clone()),
            not_before: Set(head.validity.not_before.as_millisecond()),
            not_after: Set(head.validity.not_after.as_millisecond()),
            created_by: Set(head.created_by.clone()),
            created_at: Set(head.created_at.as_millisecond()),
        };
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("storing a certificate", error))
    }

    /// All, without chains and keys, the oldest first.
    pub async fn certificate_heads(&self) -> Result<Vec<CertificateHead>, StoreError> {
        let heads = row::Entity::find()
            .select_only()
            .columns([
                row::Column::Id,
                row::Column::ProjectId,
                row::Column::Source,
                row::Column::Names,
                row::Column::NotBefore,
                row::Column::NotAfter,
                row::Column::CreatedBy,
                row::Column::CreatedAt,
            ])
            .order_by_asc(row::Column::CreatedAt)
            .order_by_asc(row::Column::Id)
            .into_model::<row::Head>()
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        heads.into_iter().map(row::Head::into_head).collect()
    }

    /// Chain and sealed key of each of these that is there.
    pub async fn certificates_open(
        &self,
        ids: &[String],
    ) -> Result<Vec<(String, String, String)>, StoreError> {
        let mut found = Vec::new();
        for ids in ids.chunks(AT_ONCE) {
            let rows = row::Entity::find().filter(row::Column::Id.is_in(ids)).all(&self.db).await;
            let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
            found.extend(rows.into_iter().map(|row| (row.id, row.chain, row.key)));
        }
        Ok(found)
    }

    /// False when there is none.
    pub async fn certificate_delete(&self, id: &str) -> Result<bool, StoreError> {
        let done = row::Entity::delete_by_id(id.to_owned()).exec(&self.db).await;
        done.map(|done| done.rows_affected > 0)
            .map_err(|error| StoreError::from_db("deleting a certificate", error))
    }

    pub(crate) async fn certificates_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let of_it = row::Entity::delete_many().filter(row::Column::ProjectId.eq(project.to_string()));
        let done = of_it.exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a project's certificates", error))
    }
}
