//! How projects speak with the services that have their repositories, and the tokens for that.

use pierhead_model::Timestamp;
use pierhead_model::id::{ProjectId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

/// The way to the service that has a project's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLink {
    pub project: ProjectId,
    /// `github_app`, `github`, `gitlab`, `gitea`.
    pub provider: String,
    pub api_url: String,
    /// The repository that it was made for, as [`pierhead_model::source::RepositoryUrl::place`] says it.
    pub place: String,
    /// As the service names it.
    pub repository: String,
    pub repository_id: u64,
    /// Of an app.
    pub installation: Option<u64>,
    /// Whose project it was when it was made.
    pub owner: String,
    /// Sealed.
    pub token: Option<String>,
    /// The webhook that was made there.
    pub hook: Option<String>,
    /// Why it cannot be used.
    pub trouble: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// Somebody's account at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubConnection {
    pub user: UserId,
    pub github_id: u64,
    pub login: String,
    /// Sealed.
    pub token: String,
    pub expires_at: Option<Timestamp>,
    /// Sealed.
    pub refresh_token: Option<String>,
    pub connected_at: Timestamp,
}

/// A token of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationToken {
    pub sealed: String,
    pub expires_at: Timestamp,
}

pub(crate) mod link {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "source_links")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        pub provider: String,
        pub api_url: String,
        pub place: String,
        pub repository: String,
        pub repository_id: i64,
        pub installation: Option<i64>,
        pub owner: String,
        pub token: Option<String>,
        pub hook: Option<String>,
        pub trouble: Option<String>,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod connection {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "github_connections")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: String,
        pub github_id: i64,
        pub login: String,
        pub token: String,
        pub expires_at: Option<i64>,
        pub refresh_token: Option<String>,
        pub connected_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod token {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "installation_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub purpose: String,
        pub sealed: String,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading how a project speaks with its repository's service";
const WRITING: &str = "storing how a project speaks with its repository's service";

impl Store {
    pub async fn source_link(&self, project: &ProjectId) -> Result<Option<SourceLink>, StoreError> {
        let found = link::Entity::find_by_id(project.to_string()).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(into_link).transpose()
    }

    /// Every project's that goes through this installation.
    pub async fn source_links_of(&self, installation: u64) -> Result<Vec<SourceLink>, StoreError> {
        let rows = link::Entity::find()
            .filter(link::Column::Installation.eq(number(installation)))
            .order_by_asc(link::Column::ProjectId)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_link).collect()
    }

    /// Replaces the project's link. Tokens that were made for the one before are forgotten.
    pub async fn source_link_put(&self, new: &SourceLink) -> Result<(), StoreError> {
        self.source_link_delete(&new.project).await?;
        let row = link::ActiveModel {
            project_id: Set(new.project.to_string()),
            provider: Set(new.provider.clone()),
            api_url: Set(new.api_url.clone()),
            place: Set(new.place.clone()),
            repository: Set(new.repository.clone()),
            repository_id: Set(number(new.repository_id)),
            installation: Set(new.installation.map(number)),
            owner: Set(new.owner.clone()),
            token: Set(new.token.clone()),
            hook: Set(new.hook.clone()),
            trouble: Set(new.trouble.clone()),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let done = link::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// With its tokens.
    pub async fn source_link_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        self.installation_tokens_forget(project).await?;
        let done = link::Entity::delete_by_id(project.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Why it cannot be used; `None` when it can. Tokens of one that cannot are forgotten.
    pub async fn source_link_trouble(
        &self,
        project: &ProjectId,
        trouble: Option<&str>,
    ) -> Result<(), StoreError> {
        if trouble.is_some() {
            self.installation_tokens_forget(project).await?;
        }
        let done = link::Entity::update_many()
            .filter(link::Column::ProjectId.eq(project.to_string()))
            .col_expr(link::Column::Trouble, Expr::value(trouble))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// The webhook that was made there.
    pub async fn source_link_hook(&self, project: &ProjectId, hook: Option<&str>) -> Result<(), StoreError> {
        let done = link::Entity::update_many()
            .filter(link::Column::ProjectId.eq(project.to_string()))
            .col_expr(link::Column::Hook, Expr::value(hook))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    pub async fn installation_token(
        &self,
        project: &ProjectId,
        purpose: &str,
    ) -> Result<Option<InstallationToken>, StoreError> {
        let key = (project.to_string(), purpose.to_owned());
        let found = token::Entity::find_by_id(key).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        let into = |row: token::Model| {
            Ok(InstallationToken { sealed: row.sealed, expires_at: document::time(row.expires_at)? })
        };
        found.map(into).transpose()
    }

    /// Replaces the one of this purpose.
    pub async fn installation_token_put(
        &self,
        project: &ProjectId,
        purpose: &str,
        new: &InstallationToken,
    ) -> Result<(), StoreError> {
        let row = token::ActiveModel {
            project_id: Set(project.to_string()),
            purpose: Set(purpose.to_owned()),
            sealed: Set(new.sealed.clone()),
            expires_at: Set(new.expires_at.as_millisecond()),
        };
        let replace = OnConflict::columns([token::Column::ProjectId, token::Column::Purpose])
            .update_columns([token::Column::Sealed, token::Column::ExpiresAt])
            .to_owned();
        let done = token::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    pub async fn installation_tokens_forget(&self, project: &ProjectId) -> Result<(), StoreError> {
        let of_project = token::Column::ProjectId.eq(project.to_string());
        let done = token::Entity::delete_many().filter(of_project).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    pub async fn github_connection(&self, user: &UserId) -> Result<Option<GithubConnection>, StoreError> {
        let found = connection::Entity::find_by_id(user.to_string()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading a GitHub account", error))?;
        let into = |row: connection::Model| {
            Ok(GithubConnection {
                user: document::parse("user", &row.user_id)?,
                github_id: u64::try_from(row.github_id).unwrap_or_default(),
                login: row.login,
                token: row.token,
                expires_at: row.expires_at.map(document::time).transpose()?,
                refresh_token: row.refresh_token,
                connected_at: document::time(row.connected_at)?,
            })
        };
        found.map(into).transpose()
    }

    /// Replaces the one that the user has.
    pub async fn github_connection_put(&self, new: &GithubConnection) -> Result<(), StoreError> {
        self.github_connection_delete(&new.user).await?;
        let row = connection::ActiveModel {
            user_id: Set(new.user.to_string()),
            github_id: Set(number(new.github_id)),
            login: Set(new.login.clone()),
            token: Set(new.token.clone()),
            expires_at: Set(new.expires_at.map(Timestamp::as_millisecond)),
            refresh_token: Set(new.refresh_token.clone()),
            connected_at: Set(new.connected_at.as_millisecond()),
        };
        let done = connection::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("storing a GitHub account", error))
    }

    pub async fn github_connection_delete(&self, user: &UserId) -> Result<(), StoreError> {
        let done = connection::Entity::delete_by_id(user.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("forgetting a GitHub account", error))
    }

    /// Those of an app that is used no longer.
    pub async fn github_connections_forget(&self) -> Result<(), StoreError> {
        let done = connection::Entity::delete_many().exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("forgetting GitHub accounts", error))
    }
}

fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn into_link(row: link::Model) -> Result<SourceLink, StoreError> {
    let positive = |id: i64| u64::try_from(id).unwrap_or_default();
    Ok(SourceLink {
        project: document::parse("project", &row.project_id)?,
        provider: row.provider,
        api_url: row.api_url,
        place: row.place,
        repository: row.repository,
        repository_id: positive(row.repository_id),
        installation: row.installation.map(positive),
        owner: row.owner,
        token: row.token,
        hook: row.hook,
        trouble: row.trouble,
        created_by: row.created_by,
        created_at: document::time(row.created_at)?,
    })
}
