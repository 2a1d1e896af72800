//! Who may call what: every operation of the document, asked by everybody there can be.
//!
//! A row of [`rows`] says which rule an operation follows, and a rule is one line of the table below. An operation without a
//! row fails the first test, so a new route is in the table or it does not land. To add one: a row in the file of its subject,
//! with the status it answers when it is allowed.

mod git;
mod rows;
mod streams;
mod uploads;
mod world;

use std::collections::BTreeSet;

use self::rows::Row;
use self::world::World;
use crate::access::operations;

/// Somebody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    SignedOut,
    /// Has an account and a team; neither has anything to do with what is asked for.
    Outsider,
    /// Their team was granted `read`.
    Reader,
    /// Their team was granted `read` and `write`.
    Writer,
    /// Their team was granted everything.
    FullAccess,
    /// Of the team that it belongs to, and so on.
    Viewer,
    Developer,
    TeamAdmin,
    Owner,
    /// Of the installation.
    Admin,
    /// The owner, with a token whose time is over.
    Expired,
    /// The owner, with a token that was revoked.
    Revoked,
    /// The owner, with a token for reading only.
    ReadOnlyToken,
    /// An administrator, with a token for reading only.
    AdminsReadOnlyToken,
    /// Was the owner's equal until the account was disabled.
    Disabled,
}

use Who::{
    Admin, AdminsReadOnlyToken, Developer, Disabled, Expired, FullAccess, Outsider, Owner, ReadOnlyToken,
    Reader, Revoked, SignedOut, TeamAdmin, Viewer, Writer,
};

const EVERYBODY: [Who; 15] = [
    SignedOut,
    Outsider,
    Reader,
    Writer,
    FullAccess,
    Viewer,
    Developer,
    TeamAdmin,
    Owner,
    Admin,
    Expired,
    Revoked,
    ReadOnlyToken,
    AdminsReadOnlyToken,
    Disabled,
];

/// What an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: strangers are answered.
    Open,
    /// To be signed in. What is one's own is one's own to read and to change.
    SignedIn,
    SignedInToWrite,
    /// To be signed in, by a header or by the first message of a stream.
    Follow,
    /// To administer the installation.
    AdminToRead,
    AdminToWrite,
    /// Rights on a project.
    ReadProject,
    WriteProject,
    DeleteProject,
    DeleteDeployment,
    /// To change a project, by a method that needs the scope `delete` of a token.
    DeleteVariable,
    /// To look at a project, by a method that needs the scope `write` of a token.
    ReadProjectByPost,
    ManageGrants,
    GiveProjectAway,
    /// Rights on an environment that is not open to everybody.
    SeeEnvironment,
    /// Rights in the team that the project belongs to.
    ReadTeam,
    WriteTeam,
    DeleteTeam,
    GiveTeamAway,
    /// To be the one whose it is: for others it does not exist.
    OwnersOnly,
    /// To be the one whom an invitation is for.
    OutsidersOnly,
}

/// What somebody is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Allowed,
    Refused(u16),
}

/// The table. Columns are those of [`EVERYBODY`]: `+` is allowed, otherwise 401, 403 or 404.
#[rustfmt::skip]
fn line(rule: Rule) -> [&'static str; 15] {
    match rule {
        //                       out    other  read   write  full   viewer dev    tadmin owner  admin  exp    rev    r-tok  ar-tok disabled
        Rule::Open            => ["+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+"],
        Rule::SignedIn        => ["401", "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "401", "401", "+",   "+",   "401"],
        Rule::SignedInToWrite => ["401", "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::Follow          => ["+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "401", "401", "+",   "+",   "401"],
        Rule::AdminToRead     => ["401", "403", "403", "403", "403", "403", "403", "403", "403", "+",   "401", "401", "403", "+",   "401"],
        Rule::AdminToWrite    => ["401", "403", "403", "403", "403", "403", "403", "403", "403", "+",   "401", "401", "403", "403", "401"],
        Rule::ReadProject     => ["401", "404", "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "401", "401", "+",   "+",   "401"],
        Rule::WriteProject    => ["401", "404", "403", "+",   "+",   "403", "+",   "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::DeleteProject   => ["401", "404", "403", "403", "+",   "403", "403", "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::DeleteDeployment=> ["401", "404", "403", "403", "+",   "403", "+",   "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::DeleteVariable  => ["401", "404", "403", "+",   "+",   "403", "+",   "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::ReadProjectByPost=>["401", "404", "+",   "+",   "+",   "+",   "+",   "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::ManageGrants    => ["401", "404", "403", "403", "403", "403", "403", "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::GiveProjectAway => ["401", "404", "403", "403", "403", "403", "403", "403", "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::SeeEnvironment  => ["401", "404", "+",   "+",   "+",   "404", "404", "404", "404", "+",   "401", "401", "404", "+",   "401"],
        Rule::ReadTeam        => ["401", "404", "404", "404", "404", "+",   "+",   "+",   "+",   "+",   "401", "401", "+",   "+",   "401"],
        Rule::WriteTeam       => ["401", "404", "404", "404", "404", "403", "403", "+",   "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::DeleteTeam      => ["401", "404", "404", "404", "404", "403", "403", "403", "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::GiveTeamAway    => ["401", "404", "404", "404", "404", "403", "403", "403", "+",   "+",   "401", "401", "403", "403", "401"],
        Rule::OwnersOnly      => ["401", "404", "404", "404", "404", "404", "404", "404", "+",   "404", "401", "401", "403", "403", "401"],
        Rule::OutsidersOnly   => ["401", "+",   "404", "404", "404", "404", "404", "404", "404", "404", "401", "401", "403", "403", "401"],
    }
}

fn expected(rule: Rule, who: Who) -> Expected {
    let column = EVERYBODY.iter().position(|it| *it == who).unwrap();
    match line(rule)[column] {
        "+" => Expected::Allowed,
        status => Expected::Refused(status.parse().unwrap()),
    }
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let documented: BTreeSet<String> = operations()
        .into_iter()
        .map(|(.., operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let rows: Vec<String> = rows::all().map(|row| row.operation.to_owned()).collect();
    let unique: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), unique.len(), "an operation has one row");
    let without: Vec<&String> = documented.difference(&unique).collect();
    assert!(without.is_empty(), "without a row: {without:?}");
    let unknown: Vec<&String> = unique.difference(&documented).collect();
    assert!(unknown.is_empty(), "not in the document: {unknown:?}");
}

/// Asks everybody everything that the rows say, and tells all differences at once.
async fn compare(rows: &[Row]) {
    let world = World::start().await;
    let operations = operations();
    let mut differences = Vec::new();
    for row in rows {
        let operation =
            operations.iter().find(|(.., operation)| operation["operationId"] == row.operation).unwrap();
        let (method, path, _) = operation;
        let mut place = world.place().await;
        for who in EVERYBODY {
            let answer = world.ask(row, who, operation, &place).await;
            let status = answer.status.as_u16();
            let fits = match expected(row.rule, who) {
                Expected::Allowed => row.good.contains(&status),
                Expected::Refused(expected) => status == expected,
            };
            if !fits {
                let expected = expected(row.rule, who);
                let text: String = answer.text.chars().take(200).collect();
                differences.push(format!(
                    "{method} {path} ({}) by {who:?}: {status}, not {expected:?} {:?}: {text}",
                    row.operation, row.good
                ));
            }
            if answer.status.is_success() && method != "GET" {
                // It may have taken the place apart.
                place = world.place().await;
            }
        }
    }
    world.stop().await;
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test]
async fn projects_and_deployments_as_the_table_says() {
    compare(rows::PROJECTS).await;
}

#[tokio::test]
async fn a_project_tells_everybody_what_they_may_do_with_it() {
    let world = World::start().await;
    let place = world.place().await;
    let path = format!("/projects/{}", place.project);
    for who in EVERYBODY.into_iter().filter(|who| expected(Rule::ReadProject, *who) == Expected::Allowed) {
        let answer = world.platform.call_as(world.token(who), "GET", &path, None).await;
        let rights = answer.json()["rights"].take();
        for (rule, kind, scope) in [
            (Rule::ReadProject, "project", "read"),
            (Rule::WriteProject, "project", "write"),
            (Rule::DeleteProject, "project", "delete"),
            (Rule::WriteProject, "deployment", "write"),
            (Rule::DeleteDeployment, "deployment", "delete"),
            (Rule::ManageGrants, "members", "write"),
            (Rule::GiveProjectAway, "ownership", "write"),
        ] {
            let told = rights[kind].as_array().unwrap().iter().any(|it| it == scope);
            assert_eq!(told, expected(rule, who) == Expected::Allowed, "{scope} on {kind} by {who:?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn teams_as_the_table_says() {
    compare(rows::TEAMS).await;
}

#[tokio::test]
async fn the_installation_as_the_table_says() {
    compare(rows::INSTALLATION).await;
}

#[tokio::test]
async fn ones_own_and_what_is_open_as_the_table_says() {
    compare(rows::OWN).await;
    compare(rows::OPEN).await;
}
