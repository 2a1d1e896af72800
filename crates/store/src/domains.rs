//! Hostnames that projects claim.

use pierhead_model::Timestamp;
use pierhead_model::domain::{DomainState, Standing};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::ProjectId;
use pierhead_model::name::SlotName;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document};

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    pub host: Hostname,
    pub project: ProjectId,
    /// What it shows.
    pub slot: SlotName,
    pub proof: String,
    pub standing: Standing,
    /// What the last look found.
    pub explanation: String,
    pub checked_at: Option<Timestamp>,
    pub next_check_at: Timestamp,
    pub verified_at: Option<Timestamp>,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainLooked {
    pub standing: Standing,
    pub explanation: String,
    pub at: Timestamp,
    pub next_check_at: Timestamp,
    /// Whoever held the hostname yields.
    pub displaces: bool,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "domains")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub host: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        pub slot: String,
        pub proof: String,
        pub state: String,
        pub explanation: String,
        pub tries: i64,
        pub lost_since: Option<i64>,
        pub checked_at: Option<i64>,
        pub next_check_at: i64,
        pub verified_at: Option<i64>,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_domain(self) -> Result<Domain, StoreError> {
            let state: DomainState =
                self.state.parse().map_err(|error| StoreError::corrupt("domain", error))?;
            let time = |time: Option<i64>| time.map(document::time).transpose();
            Ok(Domain {
                host: document::parse("domain", &self.host)?,
                project: document::parse("project", &self.project_id)?,
                slot: document::parse("slot", &self.slot)?,
                proof: self.proof,
                standing: Standing {
                    state,
                    tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
                    lost_since: time(self.lost_since)?,
                },
                explanation: self.explanation,
                checked_at: time(self.checked_at)?,
                next_check_at: document::time(self.next_check_at)?,
                verified_at: time(self.verified_at)?,
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

const READING: &str = "reading the domains";

fn read(rows: Vec<row::Model>) -> Result<Vec<Domain>, StoreError> {
    rows.into_iter().map(row::Model::into_domain).collect()
}

impl Store {
    /// Claims a hostname for a project; a claim that is there keeps its proof and standing, and shows another slot from now on.
    pub async fn domain_put(&self, new: &Domain) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            host: Set(new.host.to_string()),
            project_id: Set(new.project.to_string()),
            slot: Set(new.slot.to_string()),
            proof: Set(new.proof.clone()),
            state: Set(DomainState::Pending.to_string()),
            explanation: Set(new.explanation.clone()),
            tries: Set(0),
            lost_since: Set(None),
            checked_at: Set(None),
            next_check_at: Set(new.next_check_at.as_millisecond()),
            verified_at: Set(None),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let again = OnConflict::columns([row::Column::Host, row::Column::ProjectId])
            .update_column(row::Column::Slot)
            .to_owned();
        let done = row::Entity::insert(row).on_conflict(again).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("claiming a domain", error))
    }

    pub async fn domain_get(
        &self,
        project: &ProjectId,
        host: &Hostname,
    ) -> Result<Option<Domain>, StoreError> {
        let found = row::Entity::find_by_id((host.to_string(), project.to_string())).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_domain).transpose()
    }

    /// By name.
    pub async fn domains_of_project(&self, project: &ProjectId) -> Result<Vec<Domain>, StoreError> {
        let of_it = row::Entity::find().filter(row::Column::ProjectId.eq(project.to_string()));
        let rows = of_it.order_by_asc(row::Column::Host).all(&self.db).await;
        read(rows.map_err(|error| StoreError::from_db(READING, error))?)
    }

    /// All that are held by somebody.
    pub async fn domains_verified(&self) -> Result<Vec<Domain>, StoreError> {
        let held = row::Entity::find().filter(row::Column::State.eq(DomainState::Verified.to_string()));
        let rows = held.order_by_asc(row::Column::Host).all(&self.db).await;
        read(rows.map_err(|error| StoreError::from_db(READING, error))?)
    }

    /// The claim that holds a hostname.
    pub async fn domain_holder(&self, host: &Hostname) -> Result<Option<Domain>, StoreError> {
        let held = row::Entity::find()
            .filter(row::Column::Host.eq(host.to_string()))
            .filter(row::Column::State.eq(DomainState::Verified.to_string()));
        let found = held.one(&self.db).await.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(row::Model::into_domain).transpose()
    }

    /// A claim of a name or of one below it, whatever came of it: the first by name.
    pub async fn domain_below(&self, base: &Hostname) -> Result<Option<Domain>, StoreError> {
        // Hostnames hold nothing that is special in a pattern.
        let below = row::Column::Host.ends_with(format!(".{base}"));
        let found = row::Entity::find().filter(row::Column::Host.eq(base.to_string()).or(below));
        let found = found.order_by_asc(row::Column::Host).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_domain).transpose()
    }

    /// Those whose time to be looked at has come, the longest waiting first.
    pub async fn domains_due(&self, now: Timestamp, at_most: u64) -> Result<Vec<Domain>, StoreError> {
        let due = row::Entity::find().filter(row::Column::NextCheckAt.lte(now.as_millisecond()));
        let rows = due.order_by_asc(row::Column::NextCheckAt).limit(at_most).all(&self.db).await;
        read(rows.map_err(|error| StoreError::from_db(READING, error))?)
    }

    /// Writes down what a look at `seen` came to. Nothing is written, and false is the answer, when the claim is gone or was
    /// looked at by somebody else meanwhile; a conflict when another claim has come to hold the hostname.
    pub async fn domain_looked(&self, seen: &Domain, looked: &DomainLooked) -> Result<bool, StoreError> {
        let error = |error| StoreError::from_db("domain", error);
        let transaction = self.db.begin().await.map_err(error)?;
        if looked.displaces {
            let yields = row::Entity::update_many()
                .col_expr(row::Column::State, Expr::value(DomainState::Failed.to_string()))
                .col_expr(
                    row::Column::Explanation,
                    Expr::value("another project has proved the hostname".to_owned()),
                )
                .col_expr(row::Column::VerifiedAt, Expr::value(None::<i64>))
                .filter(row::Column::Host.eq(seen.host.to_string()))
                .filter(row::Column::ProjectId.ne(seen.project.to_string()))
                .filter(row::Column::State.eq(DomainState::Verified.to_string()));
            yields.exec(&transaction).await.map_err(error)?;
        }
        let verified_at = match (looked.standing.state, seen.standing.state) {
            (DomainState::Verified, DomainState::Verified) => seen.verified_at,
            (DomainState::Verified, _) => Some(looked.at),
            _ => None,
        };
        let write = row::Entity::update_many()
            .col_expr(row::Column::State, Expr::value(looked.standing.state.to_string()))
            .col_expr(row::Column::Tries, Expr::value(i64::from(looked.standing.tries)))
            .col_expr(
                row::Column::LostSince,
                Expr::value(looked.standing.lost_since.map(Timestamp::as_millisecond)),
            )
            .col_expr(row::Column::Explanation, Expr::value(looked.explanation.clone()))
            .col_expr(row::Column::CheckedAt, Expr::value(looked.at.as_millisecond()))
            .col_expr(row::Column::NextCheckAt, Expr::value(looked.next_check_at.as_millisecond()))
            .col_expr(row::Column::VerifiedAt, Expr::value(verified_at.map(Timestamp::as_millisecond)))
            .filter(row::Column::Host.eq(seen.host.to_string()))
            .filter(row::Column::ProjectId.eq(seen.project.to_string()))
            .filter(row::Column::Proof.eq(seen.proof.clone()))
            .filter(row::Column::State.eq(seen.standing.state.to_string()))
            .filter(row::Column::NextCheckAt.eq(seen.next_check_at.as_millisecond()));
        let done = match write.exec(&transaction).await.map_err(error) {
            Err(StoreError::Taken { .. }) => return Err(StoreError::Conflict { what: "domain" }),
            done => done?,
        };
        if done.rows_affected == 0 {
            return transaction.rollback().await.map(|()| false).map_err(error);
        }
        transaction.commit().await.map(|()| true).map_err(error)
    }

    /// Gives a claim up. False when there is none.
    pub async fn domain_delete(&self, project: &ProjectId, host: &Hostname) -> Result<bool, StoreError> {
        let done = row::Entity::delete_by_id((host.to_string(), project.to_string())).exec(&self.db).await;
        done.map(|done| done.rows_affected > 0)
            .map_err(|error| StoreError::from_db("deleting a domain", error))
    }

    pub(crate) async fn domains_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let of_it = row::Entity::delete_many().filter(row::Column::ProjectId.eq(project.to_string()));
        let done = of_it.exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a project's domains", error))
    }
}
