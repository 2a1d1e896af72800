//! Invitations into teams. Only a hash of what is in the link is stored.

use pierhead_model::Timestamp;
use pierhead_model::access::Role;
use pierhead_model::id::{InvitationId, TeamId};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set};

use crate::teams::role;
use crate::{Store, StoreError, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub id: InvitationId,
    /// `None` is into the installation only.
    pub team: Option<TeamId>,
    /// Lower case.
    pub email: String,
    pub role: Role,
    pub token_hash: String,
    pub invited_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub answer: Option<Answer>,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Answer {
    Accepted,
    Declined,
    /// By the team.
    Withdrawn,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invitations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub team_id: Option<String>,
        pub email: String,
        pub role: String,
        pub token_hash: String,
        pub invited_by: String,
        pub created_at: i64,
        pub expires_at: i64,
        pub answer: Option<String>,
        pub answered_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_invitation(self) -> Result<Invitation, StoreError> {
            let answer = self.answer.as_deref().map(str::parse).transpose();
            Ok(Invitation {
                id: document::parse("invitation", &self.id)?,
                team: self.team_id.as_deref().map(|team| document::parse("team", team)).transpose()?,
                email: self.email,
                role: role(&self.role)?,
                token_hash: self.token_hash,
                invited_by: self.invited_by,
                created_at: document::time(self.created_at)?,
                expires_at: document::time(self.expires_at)?,
                answer: answer.map_err(|error| StoreError::corrupt("answer", error))?,
            })
        }
    }
}

const READING: &str = "reading the invitations";

impl Store {
    /// Taken when the team has invited that address already.
    pub async fn invitation_create(&self, new: &Invitation) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            id: Set(new.id.to_string()),
            team_id: Set(new.team.as_ref().map(ToString::to_string)),
            email: Set(new.email.clone()),
            role: Set(new.role.to_string()),
            token_hash: Set(new.token_hash.clone()),
            invited_by: Set(new.invited_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
            expires_at: Set(new.expires_at.as_millisecond()),
            answer: Set(None),
            answered_at: Set(None),
        };
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("invitation", error))
    }

    pub async fn invitation_get(&self, id: &InvitationId) -> Result<Option<Invitation>, StoreError> {
        let found = row::Entity::find_by_id(id.to_string()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(row::Model::into_invitation).transpose()
    }

    pub async fn invitation_by_token(&self, hash: &str) -> Result<Option<Invitation>, StoreError> {
        let found = row::Entity::find().filter(row::Column::TokenHash.eq(hash)).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(row::Model::into_invitation).transpose()
    }

    /// Those of a team that nobody has answered, newest first.
    pub async fn invitations_of_team(&self, team: &TeamId) -> Result<Vec<Invitation>, StoreError> {
        self.invitations_open(row::Column::TeamId.eq(team.to_string())).await
    }

    /// Those into the installation that nobody has answered, newest first.
    pub async fn invitations_of_installation(&self) -> Result<Vec<Invitation>, StoreError> {
        self.invitations_open(row::Column::TeamId.is_null()).await
    }

    /// Those to an address that nobody has answered, newest first.
    pub async fn invitations_to(&self, email: &str) -> Result<Vec<Invitation>, StoreError> {
        self.invitations_open(row::Column::Email.eq(email)).await
    }

    async fn invitations_open(
        &self,
        which: sea_orm::sea_query::SimpleExpr,
    ) -> Result<Vec<Invitation>, StoreError> {
        let rows = row::Entity::find()
            .filter(which)
            .filter(row::Column::Answer.is_null())
            .order_by_desc(row::Column::Id)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_invitation).collect()
    }

    /// Another link, and more time; the earlier link is worthless. A conflict when it was answered.
    pub async fn invitation_renew(
        &self,
        id: &InvitationId,
        token_hash: &str,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::TokenHash, Expr::value(token_hash))
            .col_expr(row::Column::ExpiresAt, Expr::value(expires_at.as_millisecond()))
            .filter(row::Column::Id.eq(id.to_string()))
            .filter(row::Column::Answer.is_null())
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("renewing an invitation", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "invitation" }) }
    }

    /// A conflict when it was answered before: of two answers at once, one counts.
    pub async fn invitation_answer(
        &self,
        id: &InvitationId,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::Answer, Expr::value(answer.to_string()))
            .col_expr(row::Column::AnsweredAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::Id.eq(id.to_string()))
            .filter(row::Column::Answer.is_null())
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("answering an invitation", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "invitation" }) }
    }

    pub(crate) async fn invitations_of_team_delete(&self, team: &TeamId) -> Result<(), StoreError> {
        let of_it = row::Column::TeamId.eq(team.to_string());
        let done = row::Entity::delete_many().filter(of_it).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting the invitations", error))
    }
}
