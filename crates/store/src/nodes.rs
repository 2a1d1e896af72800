//! Nodes: what runs deployments, how it is reached, and by what it is known.

use std::str::FromStr;

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::{EnvironmentId, NodeId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict};
use sea_orm::{QueryOrder, Set};

use crate::deployments::row as deployment;
use crate::figures::row as figures;
use crate::shares::row as share;
use crate::{Store, StoreError, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    pub environment: EnvironmentId,
    pub name: String,
    /// Takes new work.
    pub schedulable: bool,
    /// What it runs is being moved to other nodes.
    pub draining: bool,
    pub created_at: Timestamp,
    pub link: NodeLink,
}

/// How a node's agent is reached, and by what it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLink {
    pub dial: Dial,
    /// `host:port`, when it is dialled.
    pub address: Option<String>,
    /// What the token is proved with, sealed. `None` when it was revoked, and for a node in this process.
    pub token_key: Option<String>,
    /// Of the certificate that is trusted.
    pub thumbprint: Option<Digest>,
    pub first_online_at: Option<Timestamp>,
}

/// Who dials whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dial {
    /// Nobody: the agent is in the control plane's process.
    Local,
    Control,
    Agent,
}

impl Dial {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Control => "control",
            Self::Agent => "agent",
        }
    }
}

impl FromStr for Dial {
    type Err = UnknownDial;

    fn from_str(text: &str) -> Result<Self, UnknownDial> {
        match text {
            "local" => Ok(Self::Local),
            "control" => Ok(Self::Control),
            "agent" => Ok(Self::Agent),
            _ => Err(UnknownDial),
        }
    }
}

/// The text says of nobody that they dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`dial` is `control` or `agent`")]
pub struct UnknownDial;

impl NodeLink {
    /// Of a node in the control plane's process.
    pub const fn local() -> Self {
        Self { dial: Dial::Local, address: None, token_key: None, thumbprint: None, first_online_at: None }
    }
}

fn parse<T>(what: &'static str, text: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(|error| StoreError::corrupt(what, error))
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "nodes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub environment_id: String,
        pub name: String,
        pub schedulable: bool,
        pub draining: bool,
        pub created_at: i64,
        pub dial: String,
        pub address: Option<String>,
        pub token_key: Option<String>,
        pub thumbprint: Option<String>,
        pub first_online_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_node(self) -> Result<Node, StoreError> {
            Ok(Node {
                id: document::parse("node", &self.id)?,
                environment: document::parse("environment", &self.environment_id)?,
                name: self.name,
                schedulable: self.schedulable,
                draining: self.draining,
                created_at: document::time(self.created_at)?,
                link: NodeLink {
                    dial: parse("node", &self.dial)?,
                    address: self.address,
                    token_key: self.token_key,
                    thumbprint: self.thumbprint.map(|it| parse("thumbprint", &it)).transpose()?,
                    first_online_at: self.first_online_at.map(document::time).transpose()?,
                },
            })
        }
    }

    impl From<&Node> for ActiveModel {
        fn from(node: &Node) -> Self {
            Self {
                id: Set(node.id.to_string()),
                environment_id: Set(node.environment.to_string()),
                name: Set(node.name.clone()),
                schedulable: Set(node.schedulable),
                draining: Set(node.draining),
                created_at: Set(node.created_at.as_millisecond()),
                dial: Set(node.link.dial.as_str().to_owned()),
                address: Set(node.link.address.clone()),
                token_key: Set(node.link.token_key.clone()),
                thumbprint: Set(node.link.thumbprint.map(|it| it.to_string())),
                first_online_at: Set(node.link.first_online_at.map(Timestamp::as_millisecond)),
            }
        }
    }
}

const READING: &str = "reading the nodes";
const CHANGING: &str = "changing a node";

impl Store {
    /// A new node. `Taken` when there is one of that name.
    pub async fn node_create(&self, new: &Node) -> Result<(), StoreError> {
        let row = row::ActiveModel::from(new);
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("node", error))
    }

    /// The node of that name, made if it is missing.
    pub async fn node_ensure(&self, new: &Node) -> Result<Node, StoreError> {
        let error = |error| StoreError::from_db("node", error);
        row::Entity::insert(row::ActiveModel::from(new))
            .on_conflict(OnConflict::column(row::Column::Name).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await
            .map_err(error)?;
        let found = row::Entity::find().filter(row::Column::Name.eq(&new.name)).one(&self.db).await;
        found.map_err(error)?.ok_or(StoreError::NotFound { what: "node" })?.into_node()
    }

    /// The node of that id or name.
    pub async fn node_find(&self, id_or_name: &str) -> Result<Option<Node>, StoreError> {
        let either =
            Condition::any().add(row::Column::Id.eq(id_or_name)).add(row::Column::Name.eq(id_or_name));
        let found = row::Entity::find().filter(either).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_node).transpose()
    }

    /// By name.
    pub async fn node_list(&self, environment: &EnvironmentId) -> Result<Vec<Node>, StoreError> {
        let query = row::Entity::find().filter(row::Column::EnvironmentId.eq(environment.to_string()));
        let rows = query.order_by_asc(row::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_node).collect()
    }

    /// Those on other machines, of every environment.
    pub async fn nodes_elsewhere(&self) -> Result<Vec<Node>, StoreError> {
        let query = row::Entity::find().filter(row::Column::Dial.ne(Dial::Local.as_str()));
        let rows = query.all(&self.db).await.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_node).collect()
    }

    /// Says whether a node takes new work, and whether what it runs is to be moved away.
    pub async fn node_schedule(
        &self,
        node: &NodeId,
        schedulable: bool,
        draining: bool,
    ) -> Result<(), StoreError> {
        let change = row::Entity::update_many()
            .col_expr(row::Column::Schedulable, Expr::value(schedulable))
            .col_expr(row::Column::Draining, Expr::value(draining));
        self.node_change(node, change).await
    }

    /// From now on this key proves the node's token, or none does.
    pub async fn node_token(&self, node: &NodeId, token_key: Option<String>) -> Result<(), StoreError> {
        let change = row::Entity::update_many().col_expr(row::Column::TokenKey, Expr::value(token_key));
        self.node_change(node, change).await
    }

    /// Trusts a certificate. With `first`, only when none is trusted yet; says whether this one is now.
    pub async fn node_trust(
        &self,
        node: &NodeId,
        thumbprint: Digest,
        first: bool,
    ) -> Result<bool, StoreError> {
        let mut change = row::Entity::update_many()
            .col_expr(row::Column::Thumbprint, Expr::value(thumbprint.to_string()))
            .filter(row::Column::Id.eq(node.to_string()));
        if first {
            change = change.filter(row::Column::Thumbprint.is_null());
        }
        let done = change.exec(&self.db).await.map_err(|error| StoreError::from_db(CHANGING, error))?;
        if done.rows_affected > 0 {
            return Ok(true);
        }
        let found = self.node_find(node.as_ref()).await?;
        Ok(found.is_some_and(|node| node.link.thumbprint == Some(thumbprint)))
    }

    /// It was online, at least once.
    pub async fn node_seen(&self, node: &NodeId, now: Timestamp) -> Result<(), StoreError> {
        let change = row::Entity::update_many()
            .col_expr(row::Column::FirstOnlineAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::Id.eq(node.to_string()))
            .filter(row::Column::FirstOnlineAt.is_null());
        change.exec(&self.db).await.map(drop).map_err(|error| StoreError::from_db(CHANGING, error))
    }

    /// Removes a node that has nothing of any deployment; `Conflict` when it has. What ran there in the past is kept.
    ///
    /// With `lost`, nothing is left there whatever it had: its deployments have no node any more.
    pub async fn node_remove(&self, node: &NodeId, lost: bool) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("removing a node", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let of_it = deployment::Column::NodeId.eq(node.to_string());
        let busy = deployment::Entity::find()
            .filter(of_it.clone())
            .filter(deployment::Column::OnNode.eq(true))
            .count(&transaction)
            .await
            .map_err(error)?;
        let its_shares = share::Column::NodeId.eq(node.to_string());
        let busy_shares = share::Entity::find()
            .filter(its_shares.clone())
            .filter(share::Column::OnNode.eq(true))
            .count(&transaction)
            .await
            .map_err(error)?;
        if busy + busy_shares > 0 && !lost {
            return Err(StoreError::Conflict { what: "node" });
        }
        share::Entity::delete_many().filter(its_shares).exec(&transaction).await.map_err(error)?;
        deployment::Entity::update_many()
            .col_expr(deployment::Column::NodeId, Expr::value(None::<String>))
            .col_expr(deployment::Column::OnNode, Expr::value(false))
            .filter(of_it)
            .exec(&transaction)
            .await
            .map_err(error)?;
        let its_figures = figures::Column::Owner.eq(node.to_string());
        figures::Entity::delete_many().filter(its_figures).exec(&transaction).await.map_err(error)?;
        let done = row::Entity::delete_by_id(node.to_string()).exec(&transaction).await.map_err(error)?;
        if done.rows_affected == 0 {
            return Err(StoreError::NotFound { what: "node" });
        }
        transaction.commit().await.map_err(error)
    }

    async fn node_change(
        &self,
        node: &NodeId,
        change: sea_orm::UpdateMany<row::Entity>,
    ) -> Result<(), StoreError> {
        let done = change.filter(row::Column::Id.eq(node.to_string())).exec(&self.db).await;
        let done = done.map_err(|error| StoreError::from_db(CHANGING, error))?;
        if done.rows_affected == 0 { Err(StoreError::NotFound { what: "node" }) } else { Ok(()) }
    }
}
