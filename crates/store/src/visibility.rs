//! What somebody may see, as a condition of queries: lists are filtered where they are read, not afterwards.
//!
//! These conditions say the same as the policy of `pierhead-model` does for reading a project or an environment; a test of
//! this crate holds them against it.

use pierhead_model::id::UserId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Query, SelectStatement};

use crate::deployments::row as deployment;
use crate::environments::environment;
use crate::grants::row as grant;
use crate::projects::project;
use crate::teams::member;

/// Whose eyes a list is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Visibility {
    /// The platform's own, and those of its administrators.
    #[default]
    All,
    To(UserId),
}

impl Visibility {
    pub(crate) fn projects(&self) -> Condition {
        let Self::To(user) = self else { return Condition::all() };
        let granted = granted(grant::Column::ProjectId, user);
        Condition::any()
            .add(project::Column::OwnerUserId.eq(user.to_string()))
            .add(project::Column::OwnerTeamId.in_subquery(teams(user)))
            .add(project::Column::Id.in_subquery(granted))
    }

    pub(crate) fn environments(&self) -> Condition {
        let Self::To(user) = self else { return Condition::all() };
        let granted = granted(grant::Column::EnvironmentId, user);
        Condition::any()
            .add(environment::Column::OpenToAll.eq(true))
            .add(environment::Column::Id.in_subquery(granted))
    }

    /// The ids of the projects; `None` when all are meant.
    pub(crate) fn project_ids(&self) -> Option<SelectStatement> {
        match self {
            Self::All => None,
            Self::To(_) => Some(
                Query::select()
                    .column(project::Column::Id)
                    .from(project::Entity)
                    .cond_where(self.projects())
                    .to_owned(),
            ),
        }
    }

    /// The ids of the deployments; `None` when all are meant.
    pub(crate) fn deployment_ids(&self) -> Option<SelectStatement> {
        let projects = self.project_ids()?;
        let in_projects = deployment::Column::ProjectId.in_subquery(projects);
        Some(
            Query::select()
                .column(deployment::Column::Id)
                .from(deployment::Entity)
                .cond_where(in_projects)
                .to_owned(),
        )
    }
}

/// The teams somebody is in.
pub(crate) fn teams(user: &UserId) -> SelectStatement {
    Query::select()
        .column(member::Column::TeamId)
        .from(member::Entity)
        .cond_where(member::Column::UserId.eq(user.to_string()))
        .to_owned()
}

/// What their teams were granted.
fn granted(what: grant::Column, user: &UserId) -> SelectStatement {
    Query::select()
        .column(what)
        .from(grant::Entity)
        .cond_where(what.is_not_null())
        .cond_where(grant::Column::TeamId.in_subquery(teams(user)))
        .to_owned()
}
