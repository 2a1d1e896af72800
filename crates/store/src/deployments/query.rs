//! Reading deployments.

use std::collections::HashMap;

use pierhead_model::Timestamp;
use pierhead_model::deployment::{Deployment, State, Timings};
use pierhead_model::id::{DeploymentId, NodeId, ProjectId, SlotId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{QueryOrder, QuerySelect, Select};

use super::record::{DeploymentRecord, load};
use super::row;
use crate::{Store, StoreError, Visibility, document, shares};

const IN_PROGRESS: [State; 3] = [State::Queued, State::Building, State::Provisioning];

/// Which deployments a list wants; every field that is set narrows it.
#[derive(Debug, Clone, Default)]
pub struct DeploymentFilter {
    pub project: Option<ProjectId>,
    pub slot: Option<SlotId>,
    /// Any of them; all when empty.
    pub states: Vec<State>,
    /// Who asks.
    pub visible: Visibility,
    /// Older than this one (creation time and id).
    pub before: Option<(Timestamp, DeploymentId)>,
}

/// Just enough to say which deployments there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub id: DeploymentId,
    pub number: u64,
    pub state: State,
}

/// When a deployment went live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneLive {
    pub id: DeploymentId,
    pub number: u64,
    pub slot: SlotId,
    pub at: Timestamp,
}

/// What one node has promised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promised {
    pub memory_mb: u64,
    pub cpu_milli: u64,
    /// Those that the node has, or may still have, something of.
    pub deployments: u64,
}

const READING: &str = "reading the deployments";

impl Store {
    pub async fn deployment_get(&self, id: &DeploymentId) -> Result<Option<DeploymentRecord>, StoreError> {
        let found = row::Entity::find_by_id(id.to_string()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        Ok(load(&self.db, found.into_iter().collect()).await?.pop())
    }

    /// Newest first, at most `limit`.
    pub async fn deployment_list(
        &self,
        filter: &DeploymentFilter,
        limit: u64,
    ) -> Result<Vec<DeploymentRecord>, StoreError> {
        let mut query = row::Entity::find();
        if let Some(projects) = filter.visible.project_ids() {
            query = query.filter(row::Column::ProjectId.in_subquery(projects));
        }
        if let Some(project) = &filter.project {
            query = query.filter(row::Column::ProjectId.eq(project.to_string()));
        }
        if let Some(slot) = &filter.slot {
            query = query.filter(row::Column::SlotId.eq(slot.to_string()));
        }
        if !filter.states.is_empty() {
            query = query.filter(row::Column::State.is_in(filter.states.iter().map(ToString::to_string)));
        }
        if let Some((time, id)) = &filter.before {
            let time = time.as_millisecond();
            let same_moment =
                Condition::all().add(row::Column::CreatedAt.eq(time)).add(row::Column::Id.lt(id.as_str()));
            query = query.filter(Condition::any().add(row::Column::CreatedAt.lt(time)).add(same_moment));
        }
        let query = query.order_by_desc(row::Column::CreatedAt).order_by_desc(row::Column::Id).limit(limit);
        self.records(query).await
    }

    /// Oldest first.
    pub async fn deployments_in_progress(&self) -> Result<Vec<DeploymentRecord>, StoreError> {
        let states = IN_PROGRESS.map(|state| state.to_string());
        let query = row::Entity::find()
            .filter(row::Column::State.is_in(states))
            .order_by_asc(row::Column::CreatedAt)
            // Of two of one slot that were made in the same moment.
            .order_by_asc(row::Column::Number);
        self.records(query).await
    }

    /// What a node has, or may still have, something of.
    pub async fn deployments_on_node(&self, node: &NodeId) -> Result<Vec<DeploymentRecord>, StoreError> {
        let query = row::Entity::find()
            .filter(row::Column::NodeId.eq(node.to_string()))
            .filter(row::Column::OnNode.eq(true))
            .order_by_asc(row::Column::CreatedAt);
        self.records(query).await
    }

    /// The nodes that have something of a deployment that has ended.
    pub async fn nodes_with_ended(&self) -> Result<Vec<NodeId>, StoreError> {
        let ended = [State::Inactive, State::Failed].map(|state| state.to_string());
        let rows: Vec<String> = row::Entity::find()
            .select_only()
            .column(row::Column::NodeId)
            .distinct()
            .filter(row::Column::OnNode.eq(true))
            .filter(row::Column::NodeId.is_not_null())
            .filter(row::Column::State.is_in(ended))
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        let mut nodes: Vec<NodeId> =
            rows.iter().map(|id| document::parse("node", id)).collect::<Result<_, _>>()?;
        nodes.extend(shares::nodes_of_ended(&self.db).await?);
        Ok(nodes)
    }

    /// The slot that a deployment is in.
    pub async fn deployment_slot(&self, id: &DeploymentId) -> Result<Option<SlotId>, StoreError> {
        let found: Option<String> = row::Entity::find_by_id(id.to_string())
            .select_only()
            .column(row::Column::SlotId)
            .into_tuple()
            .one(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        found.map(|slot| document::parse("slot", &slot)).transpose()
    }

    /// What went live in these slots between two moments, the first first; of the newest `limit` that there are.
    pub async fn deployments_gone_live(
        &self,
        slots: &[SlotId],
        (from, to): (Timestamp, Timestamp),
        limit: u64,
    ) -> Result<Vec<GoneLive>, StoreError> {
        let rows: Vec<(String, i64, String, String)> = row::Entity::find()
            .select_only()
            .columns([row::Column::Id, row::Column::Number, row::Column::SlotId, row::Column::Timings])
            .filter(row::Column::SlotId.is_in(slots.iter().map(AsRef::<str>::as_ref)))
            .filter(row::Column::CreatedAt.lt(to.as_millisecond()))
            .order_by_desc(row::Column::CreatedAt)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        let mut live = Vec::new();
        for (id, number, slot, timings) in rows {
            let timings: Timings = document::read("timings", &timings)?;
            let Some(at) = timings.production_at.filter(|at| (from..to).contains(at)) else { continue };
            live.push(GoneLive {
                id: document::parse("deployment", &id)?,
                number: u64::try_from(number).unwrap_or_default(),
                slot: document::parse("slot", &slot)?,
                at,
            });
        }
        live.sort_by_key(|live| live.at);
        Ok(live)
    }

    pub async fn deployments_of_slot(&self, slot: &SlotId) -> Result<Vec<DeploymentRecord>, StoreError> {
        self.records(row::Entity::find().filter(row::Column::SlotId.eq(slot.to_string()))).await
    }

    /// Everything that a hostname may lead to.
    pub async fn deployments_shown(&self) -> Result<Vec<DeploymentRecord>, StoreError> {
        self.records(row::Entity::find()).await
    }

    /// The live deployment of a slot.
    pub async fn slot_live(&self, slot: &SlotId) -> Result<Option<Deployment>, StoreError> {
        let live = row::Entity::find()
            .filter(row::Column::SlotId.eq(slot.to_string()))
            .filter(row::Column::State.eq(State::Production.to_string()))
            .one(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        live.map(|row| row.deployment()).transpose()
    }

    /// What is promised on each node that has something.
    pub async fn node_promises(&self) -> Result<HashMap<NodeId, Promised>, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = row::Entity::find()
            .select_only()
            .column(row::Column::NodeId)
            // PostgreSQL sums big integers to decimals.
            .column_as(row::Column::ReservedMemoryMb.sum().cast_as("BIGINT"), "memory_mb")
            .column_as(row::Column::ReservedCpuMilli.sum().cast_as("BIGINT"), "cpu_milli")
            .column_as(row::Column::Id.count(), "deployments")
            .filter(row::Column::OnNode.eq(true))
            .filter(row::Column::NodeId.is_not_null())
            .group_by(row::Column::NodeId)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        let promised = |(node, memory_mb, cpu_milli, deployments): (String, i64, i64, i64)| {
            let counted = |value| u64::try_from(value).unwrap_or_default();
            let promised = Promised {
                memory_mb: counted(memory_mb),
                cpu_milli: counted(cpu_milli),
                deployments: counted(deployments),
            };
            Ok((document::parse("node", &node)?, promised))
        };
        let mut promises: HashMap<NodeId, Promised> =
            rows.into_iter().map(promised).collect::<Result<_, _>>()?;
        for (node, part, counted_at) in shares::reserved(&self.db).await? {
            let (memory_mb, cpu_milli) = (u64::from(part.memory_mb), u64::from(part.cpu_milli));
            let there = promises.entry(document::parse("node", &node)?).or_default();
            there.memory_mb += memory_mb;
            there.cpu_milli += cpu_milli;
            there.deployments += 1;
            // A deployment's reservation is that of all its parts, and stands at the node that leads it.
            if let Some(leader) = counted_at
                && let Some(leader) = promises.get_mut(&document::parse::<NodeId>("node", &leader)?)
            {
                leader.memory_mb = leader.memory_mb.saturating_sub(memory_mb);
                leader.cpu_milli = leader.cpu_milli.saturating_sub(cpu_milli);
            }
        }
        Ok(promises)
    }

    /// The deployments of a slot, newest first.
    pub async fn slot_summary(&self, slot: &SlotId) -> Result<Vec<Summary>, StoreError> {
        let rows: Vec<(String, i64, String)> = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::Number)
            .column(row::Column::State)
            .filter(row::Column::SlotId.eq(slot.to_string()))
            .order_by_desc(row::Column::Number)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        let summary = |(id, number, state): (String, i64, String)| {
            Ok(Summary {
                id: document::parse("deployment", &id)?,
                number: u64::try_from(number).unwrap_or_default(),
                state: state.parse().map_err(|error| StoreError::corrupt("state", error))?,
            })
        };
        rows.into_iter().map(summary).collect()
    }

    async fn records(&self, query: Select<row::Entity>) -> Result<Vec<DeploymentRecord>, StoreError> {
        let rows = query.all(&self.db).await.map_err(|error| StoreError::from_db(READING, error))?;
        load(&self.db, rows).await
    }
}
