//! The audit log: who did what, when, from where. Rows are written in the transaction of what they tell, and only ever read
//! and, after their time, removed.

use pierhead_model::Timestamp;
use pierhead_model::id::{ProjectId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Query};
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::projects::project;
use crate::teams::member;
use crate::{Store, StoreError, Unit, Visibility, document};

/// An entry that is about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAudit {
    pub at: Timestamp,
    pub actor_id: String,
    pub actor: String,
    /// The session or token that was used.
    pub via: String,
    pub ip: Option<String>,
    /// `project.update`
    pub action: &'static str,
    pub target_kind: &'static str,
    pub target_id: String,
    pub target: String,
    pub project: Option<ProjectId>,
    /// Without secrets.
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// An entry as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Grows over all entries.
    pub sequence: u64,
    pub at: Timestamp,
    pub actor_id: String,
    pub actor: String,
    pub via: String,
    pub ip: Option<String>,
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    pub target: String,
    pub project: Option<String>,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// Which entries are wanted; every field that is set narrows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Everything; to others what they did, and what was done to the projects that they or their teams own.
    pub visible: Visibility,
    /// An address or an id.
    pub actor: Option<String>,
    /// `project.update`, or all of `project`.
    pub action: Option<String>,
    /// A name or an id.
    pub target: Option<String>,
    pub project: Option<ProjectId>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Older than this one.
    pub before: Option<u64>,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub sequence: i64,
        pub at: i64,
        pub actor_id: String,
        pub actor: String,
        pub via: String,
        pub ip: Option<String>,
        pub action: String,
        pub target_kind: String,
        pub target_id: String,
        pub target: String,
        pub project_id: Option<String>,
        pub before: Option<String>,
        pub after: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_record(self) -> Result<AuditRecord, StoreError> {
            let read =
                |text: Option<String>| text.map(|text| document::read("audit entry", &text)).transpose();
            Ok(AuditRecord {
                sequence: u64::try_from(self.sequence).unwrap_or_default(),
                at: document::time(self.at)?,
                actor_id: self.actor_id,
                actor: self.actor,
                via: self.via,
                ip: self.ip,
                action: self.action,
                target_kind: self.target_kind,
                target_id: self.target_id,
                target: self.target,
                project: self.project_id,
                before: read(self.before)?,
                after: read(self.after)?,
            })
        }
    }
}

impl Unit {
    /// Writes an entry together with what it tells.
    pub async fn audit(&self, new: &NewAudit) -> Result<(), StoreError> {
        write_in_txn(&self.db, new).await
    }
}

/// Writes an entry in the transaction of what it tells.
pub(crate) async fn write_in_txn(
    transaction: &impl ConnectionTrait,
    new: &NewAudit,
) -> Result<(), StoreError> {
    let text = |value: &Option<serde_json::Value>| {
        value.as_ref().map(|value| document::write("audit entry", value)).transpose()
    };
    let row = row::ActiveModel {
        sequence: sea_orm::NotSet,
        at: Set(new.at.as_millisecond()),
        actor_id: Set(new.actor_id.clone()),
        actor: Set(new.actor.clone()),
        via: Set(new.via.clone()),
        ip: Set(new.ip.clone()),
        action: Set(new.action.to_owned()),
        target_kind: Set(new.target_kind.to_owned()),
        target_id: Set(new.target_id.clone()),
        target: Set(new.target.clone()),
        project_id: Set(new.project.as_ref().map(ToString::to_string)),
        before: Set(text(&new.before)?),
        after: Set(text(&new.after)?),
    };
    let done = row::Entity::insert(row).exec_without_returning(transaction).await;
    done.map(drop).map_err(|error| StoreError::from_db("writing the audit log", error))
}

impl Store {
    /// Newest first, at most `limit`.
    pub async fn audit_list(&self, filter: &AuditFilter, limit: u64) -> Result<Vec<AuditRecord>, StoreError> {
        let mut query = row::Entity::find().filter(visible(&filter.visible));
        if let Some(actor) = &filter.actor {
            let either =
                Condition::any().add(row::Column::ActorId.eq(actor)).add(row::Column::Actor.eq(actor));
            query = query.filter(either);
        }
        if let Some(action) = &filter.action {
            let all_of = format!("{action}.");
            let either = Condition::any()
                .add(row::Column::Action.eq(action))
                .add(row::Column::Action.starts_with(all_of));
            query = query.filter(either);
        }
        if let Some(target) = &filter.target {
            let either =
                Condition::any().add(row::Column::TargetId.eq(target)).add(row::Column::Target.eq(target));
            query = query.filter(either);
        }
        if let Some(project) = &filter.project {
            query = query.filter(row::Column::ProjectId.eq(project.to_string()));
        }
        if let Some(since) = filter.since {
            query = query.filter(row::Column::At.gte(since.as_millisecond()));
        }
        if let Some(until) = filter.until {
            query = query.filter(row::Column::At.lt(until.as_millisecond()));
        }
        if let Some(before) = filter.before {
            query = query.filter(row::Column::Sequence.lt(i64::try_from(before).unwrap_or(i64::MAX)));
        }
        let rows = query.order_by_desc(row::Column::Sequence).limit(limit).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db("reading the audit log", error))?;
        rows.into_iter().map(row::Model::into_record).collect()
    }

    /// Removes what is older; says how many.
    pub async fn audit_forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        let old = row::Column::At.lt(before.as_millisecond());
        let done = row::Entity::delete_many().filter(old).exec(&self.db).await;
        Ok(done.map_err(|error| StoreError::from_db("shortening the audit log", error))?.rows_affected)
    }
}

fn visible(visible: &Visibility) -> Condition {
    let Visibility::To(user) = visible else { return Condition::all() };
    let teams = Query::select()
        .column(member::Column::TeamId)
        .from(member::Entity)
        .cond_where(member::Column::UserId.eq(user.to_string()))
        .cond_where(member::Column::Role.is_in(["owner", "admin"]))
        .to_owned();
    let owned = Query::select()
        .column(project::Column::Id)
        .from(project::Entity)
        .cond_where(
            Condition::any()
                .add(project::Column::OwnerUserId.eq(user.to_string()))
                .add(project::Column::OwnerTeamId.in_subquery(teams)),
        )
        .to_owned();
    Condition::any()
        .add(row::Column::ActorId.eq(UserId::as_ref(user)))
        .add(row::Column::ProjectId.in_subquery(owned))
}
