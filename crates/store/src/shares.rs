//! Shares of deployments: what the nodes run that do not lead them.

use std::collections::{HashMap, HashSet};

use pierhead_model::Timestamp;
use pierhead_model::assignment::Report;
use pierhead_model::deployment::{Reservation, State};
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::spread::Replicas;
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::db::Db;
use crate::deployments::row as deployment;
use crate::{Store, StoreError, document};

/// A part of a deployment's replicas, on a node that does not lead it.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// What it is called on its node, where it is like a deployment of its own.
    pub id: DeploymentId,
    pub deployment: DeploymentId,
    pub node: NodeId,
    pub replicas: Replicas,
    /// A part of what the deployment has reserved.
    pub reserved: Reservation,
    /// The node has, or may still have, something of it.
    pub on_node: bool,
    pub report: Option<Report>,
    /// The share of another node that this one takes over.
    pub replaces: Option<DeploymentId>,
    /// Since when it was taken over: it gets no visitors, and ends.
    pub retired_at: Option<Timestamp>,
}

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shares")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub deployment_id: String,
        pub node_id: String,
        pub replicas: String,
        pub reserved_memory_mb: i64,
        pub reserved_cpu_milli: i64,
        pub on_node: bool,
        pub report: Option<String>,
        pub report_sequence: i64,
        pub replaces: Option<String>,
        pub retired_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Deployments that are named in one question.
const NAMED: usize = 1_000;
const READING: &str = "reading the shares of deployments";
const WRITING: &str = "storing a share of a deployment";

impl Store {
    /// Notes where the further replicas of a deployment go that no node has been told of yet. What was noted by an attempt that
    /// did not get to its end is forgotten.
    pub async fn shares_plan(&self, of: &DeploymentId, shares: &[Share]) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(WRITING, error);
        let transaction = self.db.begin().await.map_err(error)?;
        let earlier = row::Column::DeploymentId.eq(of.as_str());
        row::Entity::delete_many().filter(earlier).exec(&transaction).await.map_err(error)?;
        for share in shares {
            row::Entity::insert(new_row(share)?).exec_without_returning(&transaction).await.map_err(error)?;
        }
        transaction.commit().await.map_err(error)
    }

    /// One more share of a deployment that is live.
    pub async fn share_add(&self, share: &Share) -> Result<(), StoreError> {
        let done = row::Entity::insert(new_row(share)?).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Notes that another share has taken over.
    pub async fn share_retire(&self, id: &DeploymentId, now: Timestamp) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::RetiredAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::Id.eq(id.as_str()))
            .filter(row::Column::RetiredAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    pub async fn share_get(&self, id: &DeploymentId) -> Result<Option<Share>, StoreError> {
        let found = row::Entity::find_by_id(id.to_string()).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(share).transpose()
    }

    /// What a node has, or may still have, something of, or is to be told of.
    pub async fn shares_on_node(&self, node: &NodeId) -> Result<Vec<Share>, StoreError> {
        let of_it = row::Column::NodeId.eq(node.to_string());
        let rows = row::Entity::find().filter(of_it).filter(row::Column::OnNode.eq(true)).all(&self.db).await;
        rows.map_err(|error| StoreError::from_db(READING, error))?.into_iter().map(share).collect()
    }

    /// Notes that nothing of a share is left on its node.
    pub async fn share_leave_node(&self, id: &DeploymentId) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::OnNode, Expr::value(false))
            .filter(row::Column::Id.eq(id.as_str()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Stores what its node says of a share, unless something newer is stored.
    pub async fn share_report_store(
        &self,
        id: &DeploymentId,
        node: &NodeId,
        report: &Report,
    ) -> Result<(), StoreError> {
        let sequence = i64::try_from(report.sequence).unwrap_or(i64::MAX);
        let done = row::Entity::update_many()
            .col_expr(row::Column::Report, Expr::value(document::write("report", report)?))
            .col_expr(row::Column::ReportSequence, Expr::value(sequence))
            .filter(row::Column::Id.eq(id.as_str()))
            .filter(row::Column::NodeId.eq(node.to_string()))
            .filter(row::Column::ReportSequence.lt(sequence))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }
}

fn new_row(share: &Share) -> Result<row::ActiveModel, StoreError> {
    Ok(row::ActiveModel {
        id: Set(share.id.to_string()),
        deployment_id: Set(share.deployment.to_string()),
        node_id: Set(share.node.to_string()),
        replicas: Set(document::write("replicas", &share.replicas)?),
        reserved_memory_mb: Set(share.reserved.memory_mb.into()),
        reserved_cpu_milli: Set(share.reserved.cpu_milli.into()),
        on_node: Set(share.on_node),
        report: Set(None),
        report_sequence: Set(0),
        replaces: Set(share.replaces.as_ref().map(ToString::to_string)),
        retired_at: Set(share.retired_at.map(Timestamp::as_millisecond)),
    })
}

/// The shares of these deployments, by deployment.
pub(crate) async fn of_deployments(
    db: &Db,
    deployments: Vec<String>,
) -> Result<HashMap<String, Vec<Share>>, StoreError> {
    let mut query = row::Entity::find();
    // Databases take so many values in one question, and no more; there are far fewer shares than deployments.
    if deployments.len() <= NAMED {
        query = query.filter(row::Column::DeploymentId.is_in(&deployments));
    }
    let rows = query.all(db).await.map_err(|error| StoreError::from_db(READING, error))?;
    let deployments: HashSet<String> = deployments.into_iter().collect();
    let mut shares: HashMap<String, Vec<Share>> = HashMap::new();
    for row in rows.into_iter().filter(|row| deployments.contains(&row.deployment_id)) {
        shares.entry(row.deployment_id.clone()).or_default().push(share(row)?);
    }
    Ok(shares)
}

/// What is reserved on other nodes than the leaders': where, how much, and where it is counted already.
pub(crate) async fn reserved(db: &Db) -> Result<Vec<(String, Reservation, Option<String>)>, StoreError> {
    let error = |error| StoreError::from_db(READING, error);
    let rows = row::Entity::find().filter(row::Column::OnNode.eq(true)).all(db).await.map_err(error)?;
    let ids: Vec<_> = rows.iter().map(|row| row.deployment_id.clone()).collect();
    let leaders = deployment::Entity::find().filter(deployment::Column::Id.is_in(ids)).all(db).await;
    let leaders: HashMap<_, _> = leaders
        .map_err(error)?
        .into_iter()
        .filter(|row| row.on_node && row.reserved_memory_mb > 0)
        .filter_map(|row| Some((row.id, row.node_id?)))
        .collect();
    let of_row = |row: row::Model| {
        let reserved = Reservation {
            memory_mb: u32::try_from(row.reserved_memory_mb).unwrap_or_default(),
            cpu_milli: u32::try_from(row.reserved_cpu_milli).unwrap_or_default(),
        };
        (row.node_id, reserved, leaders.get(&row.deployment_id).cloned())
    };
    Ok(rows.into_iter().map(of_row).collect())
}

/// The nodes that have something of a share of a deployment that has ended.
pub(crate) async fn nodes_of_ended(db: &Db) -> Result<Vec<NodeId>, StoreError> {
    let error = |error| StoreError::from_db(READING, error);
    let rows = row::Entity::find().filter(row::Column::OnNode.eq(true)).all(db).await.map_err(error)?;
    let ended = [State::Inactive, State::Failed].map(|state| state.to_string());
    let ended = deployment::Entity::find()
        .filter(deployment::Column::Id.is_in(rows.iter().map(|row| row.deployment_id.clone())))
        .filter(deployment::Column::State.is_in(ended))
        .all(db)
        .await
        .map_err(error)?;
    let ended: HashSet<String> = ended.into_iter().map(|row| row.id).collect();
    let nodes = rows.iter().filter(|row| ended.contains(&row.deployment_id));
    nodes.map(|row| document::parse("node", &row.node_id)).collect()
}

fn share(row: row::Model) -> Result<Share, StoreError> {
    Ok(Share {
        id: document::parse("share", &row.id)?,
        deployment: document::parse("deployment", &row.deployment_id)?,
        node: document::parse("node", &row.node_id)?,
        replicas: document::read("replicas", &row.replicas)?,
        reserved: Reservation {
            memory_mb: u32::try_from(row.reserved_memory_mb).unwrap_or_default(),
            cpu_milli: u32::try_from(row.reserved_cpu_milli).unwrap_or_default(),
        },
        on_node: row.on_node,
        report: row.report.as_deref().map(|text| document::read("report", text)).transpose()?,
        replaces: row.replaces.as_deref().map(|id| document::parse("share", id)).transpose()?,
        retired_at: row.retired_at.map(document::time).transpose()?,
    })
}
