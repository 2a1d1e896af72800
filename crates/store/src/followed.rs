//! References of repositories that are followed: what was dealt with, and when to look again.
//!
//! A webhook, a person and the clock all say the same thing: look. Who asks writes it down; a look that has ended forgets
//! what was asked before it began, and nothing that was asked meanwhile.

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use pierhead_model::name::SlotName;
use pierhead_model::pull::{Approval, PullRequest};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{DatabaseTransaction, QueryOrder, QuerySelect, Set};
use serde::{Deserialize, Serialize};

use crate::deployments::AcceptedHead;
use crate::projects::project;
use crate::{Store, StoreError, document};

/// A reference that a project follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub project: ProjectId,
    /// As git names it: `HEAD`, `refs/heads/main`.
    pub reference: String,
    pub slot: SlotName,
    /// The commit that was dealt with last; `None` before the first one.
    pub accepted: Option<String>,
    /// Where it was at the first look.
    pub baseline: Option<String>,
    pub asked: Option<Asked>,
    /// Counts who asked.
    pub asks: u64,
    pub look_at: Timestamp,
    pub looked_at: Option<Timestamp>,
    /// Looks in a row that did not find what they should.
    pub tries: u32,
    pub outcome: Option<String>,
    pub problem: Option<String>,
    /// Where the reference belongs to one.
    pub pull: Option<PullRequest>,
}

/// Why a look is wanted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `push`, or `sync` for a person's wish.
    pub trigger: String,
    pub by: Option<String>,
    pub at: Timestamp,
    /// The commit that should be found, and the first line of its message, when it is known.
    pub commit: Option<String>,
    pub message: Option<String>,
}

/// Somebody asks to look at a reference.
#[derive(Debug, Clone)]
pub struct Ask {
    pub project: ProjectId,
    pub reference: String,
    pub slot: SlotName,
    pub asked: Asked,
    /// What is told of the pull request that the reference belongs to.
    pub pull: Option<PullRequest>,
}

/// What a look came to.
#[derive(Debug, Clone)]
pub struct Looked {
    pub at: Timestamp,
    pub next: Timestamp,
    /// The wish stays, because what was asked for was not found yet.
    pub again: bool,
    pub tries: u32,
    pub outcome: String,
    pub problem: Option<String>,
}

pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "followed")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub reference: String,
        pub slot_name: String,
        pub accepted: Option<String>,
        pub baseline: Option<String>,
        pub asked: Option<String>,
        pub asks: i64,
        pub look_at: i64,
        pub looked_at: Option<i64>,
        pub tries: i64,
        pub outcome: Option<String>,
        pub problem: Option<String>,
        pub pull: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading what is followed";

impl Store {
    /// Begins to follow a reference; one that is followed already keeps what is known of it.
    pub async fn followed_ensure(
        &self,
        project: &ProjectId,
        reference: &str,
        slot: &SlotName,
        look_at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = fresh(project, reference, slot, look_at);
        let done = row::Entity::insert(row).on_conflict(keep(slot)).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("following a branch", error))
    }

    /// A look is wanted, of references that may not be followed yet.
    pub async fn followed_ask(&self, asks: &[Ask]) -> Result<(), StoreError> {
        for ask in asks {
            ask_on(&self.db, ask).await?;
        }
        Ok(())
    }

    /// Those that should be looked at by now, the longest overdue first.
    pub async fn followed_due(&self, now: Timestamp, limit: u64) -> Result<Vec<Followed>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::LookAt.lte(now.as_millisecond()))
            .order_by_asc(row::Column::LookAt)
            .order_by_asc(row::Column::ProjectId)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_followed).collect()
    }

    /// When the next look is due.
    pub async fn followed_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = row::Entity::find().order_by_asc(row::Column::LookAt).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(|row| document::time(row.look_at)).transpose()
    }

    /// By reference.
    pub async fn followed_of(&self, project: &ProjectId) -> Result<Vec<Followed>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .order_by_asc(row::Column::Reference)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_followed).collect()
    }

    /// A look has ended. What was asked after `followed` was read is not forgotten.
    pub async fn followed_looked(&self, followed: &Followed, looked: &Looked) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("noting what a branch came to", error);
        let this = || {
            row::Entity::update_many()
                .col_expr(row::Column::LookedAt, Expr::value(looked.at.as_millisecond()))
                .col_expr(row::Column::Tries, Expr::value(i64::from(looked.tries)))
                .col_expr(row::Column::Outcome, Expr::value(looked.outcome.as_str()))
                .col_expr(row::Column::Problem, Expr::value(looked.problem.clone()))
                .filter(row::Column::ProjectId.eq(followed.project.to_string()))
                .filter(row::Column::Reference.eq(&followed.reference))
        };
        let mut settled = this()
            .col_expr(row::Column::LookAt, Expr::value(looked.next.as_millisecond()))
            .filter(row::Column::Asks.eq(i64::try_from(followed.asks).unwrap_or(i64::MAX)));
        if !looked.again {
            settled = settled.col_expr(row::Column::Asked, Expr::value(None::<String>));
        }
        if settled.exec(&self.db).await.map_err(error)?.rows_affected == 0 {
            this().exec(&self.db).await.map_err(error)?;
        }
        Ok(())
    }

    /// A move of a reference is dealt with without a deployment. A conflict when somebody else dealt with it.
    pub async fn followed_accept(&self, project: &ProjectId, head: &AcceptedHead) -> Result<(), StoreError> {
        accept_on(&self.db, project, head).await
    }

    /// The first look: from here on every move is dealt with.
    pub async fn followed_begin(
        &self,
        project: &ProjectId,
        reference: &str,
        baseline: &str,
    ) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::Baseline, Expr::value(baseline))
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .filter(row::Column::Reference.eq(reference))
            .filter(row::Column::Baseline.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("following a branch", error))
    }

    /// Lets a commit of a pull request be built, and asks for a look.
    pub async fn followed_approve(&self, ask: &Ask, approval: Approval) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("approving a pull request", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let known = row::Entity::find_by_id((ask.project.to_string(), ask.reference.clone()));
        let known = known.lock_exclusive().one(&transaction).await.map_err(error)?;
        let known = known.and_then(|row| row.pull).ok_or(StoreError::NotFound { what: "pull request" })?;
        let known: PullRequest = document::read("pull request", &known)?;
        let approved = PullRequest { approval: Some(approval), ..known };
        tell(&transaction, &ask.project, &ask.reference, |_| approved).await?;
        ask_on(&transaction, &Ask { pull: None, ..ask.clone() }).await?;
        transaction.commit().await.map_err(error)
    }

    /// What kept a project's references from being looked at may be gone: nobody asks for anything, but they are due.
    pub async fn followed_hurry(&self, project: &ProjectId, now: Timestamp) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::LookAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .filter(row::Column::LookAt.gt(now.as_millisecond()))
            .filter(row::Column::Problem.is_not_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("asking to look at branches", error))
    }

    /// Follows a reference no longer.
    pub async fn followed_forget(&self, project: &ProjectId, reference: &str) -> Result<(), StoreError> {
        let done =
            row::Entity::delete_by_id((project.to_string(), reference.to_owned())).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("following a branch no longer", error))
    }

    pub(crate) async fn followed_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("following a branch no longer", error))
    }

    /// Projects of an earlier version have no place of their repository yet.
    pub(crate) async fn repositories_place(&self) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("updating the projects", error);
        let unplaced = project::Entity::find()
            .filter(project::Column::Repository.is_null())
            .filter(project::Column::SourceKey.is_not_null())
            .all(&self.db)
            .await
            .map_err(error)?;
        for found in unplaced {
            let settings: pierhead_model::project::ProjectSettings =
                document::read("project settings", &found.settings)?;
            let Some(source) = settings.source else { continue };
            project::Entity::update_many()
                .col_expr(project::Column::Repository, Expr::value(source.repository.place()))
                .filter(project::Column::Id.eq(found.id))
                .exec(&self.db)
                .await
                .map_err(error)?;
        }
        Ok(())
    }
}

/// Asks on a connection or in a transaction.
pub(crate) async fn ask_on(db: &impl ConnectionTrait, ask: &Ask) -> Result<(), StoreError> {
    let error = |error| StoreError::from_db("asking to look at a branch", error);
    let row = fresh(&ask.project, &ask.reference, &ask.slot, ask.asked.at);
    row::Entity::insert(row).on_conflict(keep(&ask.slot)).exec_without_returning(db).await.map_err(error)?;
    if let Some(told) = &ask.pull {
        tell(db, &ask.project, &ask.reference, |known| match known {
            Some(known) => known.told(told.clone()),
            None => told.clone(),
        })
        .await?;
    }
    let asked = document::write("wish", &ask.asked)?;
    let done = row::Entity::update_many()
        .col_expr(row::Column::Asked, Expr::value(asked))
        .col_expr(row::Column::Asks, Expr::col(row::Column::Asks).add(1))
        .col_expr(row::Column::Tries, Expr::value(0_i64))
        .col_expr(row::Column::LookAt, Expr::value(ask.asked.at.as_millisecond()))
        .filter(row::Column::ProjectId.eq(ask.project.to_string()))
        .filter(row::Column::Reference.eq(&ask.reference))
        .exec(db)
        .await;
    done.map(drop).map_err(error)
}

/// Changes what is known of a pull request. In a transaction, so that two who tell of it wait for each other.
async fn tell(
    db: &impl ConnectionTrait,
    project: &ProjectId,
    reference: &str,
    change: impl FnOnce(Option<PullRequest>) -> PullRequest,
) -> Result<(), StoreError> {
    let error = |error| StoreError::from_db("noting a pull request", error);
    let id = (project.to_string(), reference.to_owned());
    let found = row::Entity::find_by_id(id).lock_exclusive().one(db).await.map_err(error)?;
    let found = found.ok_or(StoreError::NotFound { what: "pull request" })?;
    let known = found.pull.as_deref().map(|text| document::read("pull request", text)).transpose()?;
    let pull = document::write("pull request", &change(known))?;
    let done = row::Entity::update_many()
        .col_expr(row::Column::Pull, Expr::value(pull))
        .filter(row::Column::ProjectId.eq(project.to_string()))
        .filter(row::Column::Reference.eq(reference))
        .exec(db)
        .await;
    done.map(drop).map_err(error)
}

pub(crate) async fn accept_in_txn(
    transaction: &DatabaseTransaction,
    project: &ProjectId,
    head: &AcceptedHead,
) -> Result<(), StoreError> {
    accept_on(transaction, project, head).await
}

async fn accept_on(
    db: &impl ConnectionTrait,
    project: &ProjectId,
    head: &AcceptedHead,
) -> Result<(), StoreError> {
    let before = match &head.before {
        Some(before) => row::Column::Accepted.eq(before),
        None => row::Column::Accepted.is_null(),
    };
    let done = row::Entity::update_many()
        .col_expr(row::Column::Accepted, Expr::value(head.commit.as_str()))
        .filter(row::Column::ProjectId.eq(project.to_string()))
        .filter(row::Column::Reference.eq(&head.reference))
        .filter(before)
        .exec(db)
        .await
        .map_err(|error| StoreError::from_db("dealing with the move of a branch", error))?;
    if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "branch" }) }
}

fn fresh(project: &ProjectId, reference: &str, slot: &SlotName, look_at: Timestamp) -> row::ActiveModel {
    row::ActiveModel {
        project_id: Set(project.to_string()),
        reference: Set(reference.to_owned()),
        slot_name: Set(slot.to_string()),
        accepted: Set(None),
        baseline: Set(None),
        asked: Set(None),
        asks: Set(0),
        look_at: Set(look_at.as_millisecond()),
        looked_at: Set(None),
        tries: Set(0),
        outcome: Set(None),
        problem: Set(None),
        pull: Set(None),
    }
}

/// One that is there keeps all but its slot.
fn keep(slot: &SlotName) -> OnConflict {
    OnConflict::columns([row::Column::ProjectId, row::Column::Reference])
        .value(row::Column::SlotName, Expr::value(slot.as_str()))
        .to_owned()
}

fn into_followed(row: row::Model) -> Result<Followed, StoreError> {
    Ok(Followed {
        project: document::parse("project", &row.project_id)?,
        slot: document::parse("slot", &row.slot_name)?,
        accepted: row.accepted,
        baseline: row.baseline,
        asked: row.asked.as_deref().map(|text| document::read("wish", text)).transpose()?,
        asks: u64::try_from(row.asks).unwrap_or_default(),
        look_at: document::time(row.look_at)?,
        looked_at: row.looked_at.map(document::time).transpose()?,
        tries: u32::try_from(row.tries).unwrap_or_default(),
        outcome: row.outcome,
        problem: row.problem,
        pull: row.pull.as_deref().map(|text| document::read("pull request", text)).transpose()?,
        reference: row.reference,
    })
}
