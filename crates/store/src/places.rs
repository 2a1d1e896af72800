//! Environments and their nodes.

use pierhead_model::Timestamp;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{EnvironmentId, NodeId};
use pierhead_model::name::EnvironmentName;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict};
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub id: EnvironmentId,
    pub name: EnvironmentName,
    pub base_domain: Hostname,
    pub created_at: Timestamp,
}

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
}

pub(crate) mod environment {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "environments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub base_domain: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(crate) fn into_environment(self) -> Result<Environment, StoreError> {
            Ok(Environment {
                id: document::parse("environment", &self.id)?,
                name: document::parse("environment", &self.name)?,
                base_domain: document::parse("base domain", &self.base_domain)?,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

mod node {
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
            })
        }
    }
}

impl Store {
    /// The environment of that name, made if it is missing, with this base domain from now on.
    pub async fn environment_ensure(&self, new: &Environment) -> Result<Environment, StoreError> {
        let error = |error| StoreError::from_db("environment", error);
        let row = environment::ActiveModel {
            id: Set(new.id.to_string()),
            name: Set(new.name.to_string()),
            base_domain: Set(new.base_domain.to_string()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let update = OnConflict::column(environment::Column::Name)
            .update_column(environment::Column::BaseDomain)
            .to_owned();
        environment::Entity::insert(row)
            .on_conflict(update)
            .exec_without_returning(&self.db)
            .await
            .map_err(error)?;
        let found = self.environment_by_name(&new.name).await?;
        found.ok_or(StoreError::NotFound { what: "environment" })
    }

    pub async fn environment_by_name(
        &self,
        name: &EnvironmentName,
    ) -> Result<Option<Environment>, StoreError> {
        let found = environment::Entity::find()
            .filter(environment::Column::Name.eq(name.as_str()))
            .one(&self.db)
            .await;
        let found = found.map_err(|error| StoreError::from_db("reading an environment", error))?;
        found.map(environment::Model::into_environment).transpose()
    }

    /// By name.
    pub async fn environment_list(&self) -> Result<Vec<Environment>, StoreError> {
        let rows = environment::Entity::find().order_by_asc(environment::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db("reading the environments", error))?;
        rows.into_iter().map(environment::Model::into_environment).collect()
    }

    /// The node of that name, made if it is missing.
    pub async fn node_ensure(&self, new: &Node) -> Result<Node, StoreError> {
        let error = |error| StoreError::from_db("node", error);
        let row = node::ActiveModel {
            id: Set(new.id.to_string()),
            environment_id: Set(new.environment.to_string()),
            name: Set(new.name.clone()),
            schedulable: Set(new.schedulable),
            draining: Set(new.draining),
            created_at: Set(new.created_at.as_millisecond()),
        };
        node::Entity::insert(row)
            .on_conflict(OnConflict::column(node::Column::Name).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await
            .map_err(error)?;
        let found = node::Entity::find()
            .filter(node::Column::Name.eq(&new.name))
            .one(&self.db)
            .await
            .map_err(error)?;
        found.ok_or(StoreError::NotFound { what: "node" })?.into_node()
    }

    /// The node of that id or name.
    pub async fn node_find(&self, id_or_name: &str) -> Result<Option<Node>, StoreError> {
        let either =
            Condition::any().add(node::Column::Id.eq(id_or_name)).add(node::Column::Name.eq(id_or_name));
        let found = node::Entity::find().filter(either).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading a node", error))?;
        found.map(node::Model::into_node).transpose()
    }

    /// Says whether a node takes new work, and whether what it runs is to be moved away.
    pub async fn node_schedule(
        &self,
        node: &NodeId,
        schedulable: bool,
        draining: bool,
    ) -> Result<(), StoreError> {
        let done = node::Entity::update_many()
            .col_expr(node::Column::Schedulable, Expr::value(schedulable))
            .col_expr(node::Column::Draining, Expr::value(draining))
            .filter(node::Column::Id.eq(node.to_string()))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("changing a node", error))?;
        if done.rows_affected == 0 { Err(StoreError::NotFound { what: "node" }) } else { Ok(()) }
    }

    /// By name.
    pub async fn node_list(&self, environment: &EnvironmentId) -> Result<Vec<Node>, StoreError> {
        let rows = node::Entity::find()
            .filter(node::Column::EnvironmentId.eq(environment.to_string()))
            .order_by_asc(node::Column::Name)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the nodes", error))?;
        rows.into_iter().map(node::Model::into_node).collect()
    }
}
