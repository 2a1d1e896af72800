//! `teams`: who works together.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct TeamsArgs {
    #[command(subcommand)]
    command: Option<TeamsCommand>,
}

/// What somebody is in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything, and gives the team away
    Owner,
    /// Everything but that
    Admin,
    /// Changes and deploys projects
    Developer,
    /// Looks
    Viewer,
}

impl Role {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }
}

#[derive(Debug, Subcommand)]
enum TeamsCommand {
    /// List teams
    #[command(visible_alias = "ls")]
    List,
    /// Show a team
    #[command(visible_alias = "info")]
    Show { team: String },
    /// Make a team, which is yours then
    Create { name: String },
    /// Rename a team
    Rename { team: String, name: String },
    /// Delete a team that no project belongs to
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { team: String },
    /// List who is in a team
    Members { team: String },
    /// Give a member another role
    SetRole { team: String, member: String, role: Role },
    /// Remove a member; with your own address, leave
    RemoveMember { team: String, member: String },
    /// Make a member the owner; you are an admin then
    Transfer { team: String, member: String },
}

pub(crate) async fn run(context: &Context, args: &TeamsArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&TeamsCommand::List) {
        TeamsCommand::List => {
            let teams = client.teams().await?;
            let mut table = Table::new(&["NAME", "YOU ARE", "ID"]);
            for team in teams.body {
                table.row([team.name, team.role.unwrap_or_default(), team.id]);
            }
            context.show_table(&teams.raw, &table, "No team yet: pierhead teams create NAME")
        }
        TeamsCommand::Show { team } => {
            let found = client.team(team).await?;
            let role = found.body.role.as_deref().unwrap_or("not in it").to_owned();
            context.show(&found.raw, || vec![plain(&format!("{}  {role}", found.body.name))])
        }
        TeamsCommand::Create { name } => {
            let made = client.team_create(name).await?;
            context.say(&format!("Invite somebody: pierhead invitations create {name} EMAIL"));
            context.show(&made.raw, || vec![made.body.name.clone()])
        }
        TeamsCommand::Rename { team, name } => {
            let renamed = client.team_rename(team, name).await?;
            context.show(&renamed.raw, || vec![renamed.body.name.clone()])
        }
        TeamsCommand::Delete { team } => {
            context.agree_by_name("team", team)?;
            client.team_delete(team).await?;
            context.say(&format!("The team {team} is gone, and what it was granted."));
            Ok(())
        }
        TeamsCommand::Members { team } => {
            let members = client.members(team).await?;
            let mut table = Table::new(&["EMAIL", "NAME", "ROLE", "SINCE"]);
            for member in members.body {
                table.row([member.email, member.name, member.role, context.moment(Some(member.created_at))]);
            }
            context.show_table(&members.raw, &table, "Nobody is in it.")
        }
        TeamsCommand::SetRole { team, member, role } => {
            let changed = client.member_update(team, member, role.as_str()).await?;
            context
                .show(&changed.raw, || vec![plain(&format!("{}  {}", changed.body.email, changed.body.role))])
        }
        TeamsCommand::RemoveMember { team, member } => {
            client.member_delete(team, member).await?;
            context.say(&format!("{member} is not in the team {team} any more."));
            Ok(())
        }
        TeamsCommand::Transfer { team, member } => {
            context.agree(&format!("Give the team {team} to {member}? You are an admin of it then."))?;
            let given = client.team_transfer(team, member).await?;
            context.say(&format!("{member} owns the team {team} now."));
            context.show(&given.raw, || vec![given.body.name.clone()])
        }
    }
}
