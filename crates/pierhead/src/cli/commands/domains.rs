//! `domains`: hostnames of a project's own.

use clap::{Args, Subcommand};

use crate::cli::client::edge::Domain;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct DomainsArgs {
    #[command(subcommand)]
    command: Option<DomainsCommand>,
}

#[derive(Debug, Subcommand)]
enum DomainsCommand {
    /// List domains
    #[command(visible_alias = "ls")]
    List,
    /// Show a domain, and what has to be in DNS
    #[command(visible_alias = "info")]
    Show { name: String },
    /// Add a domain to the --slot, and print what has to be in DNS
    #[command(visible_alias = "create")]
    Add { name: String },
    /// Look at DNS now
    #[command(visible_alias = "check")]
    Verify { name: String },
    /// Order a certificate now
    Renew { name: String },
    /// Give a domain up
    #[command(visible_aliases = ["delete", "rm"])]
    Remove { name: String },
}

pub(crate) async fn run(context: &Context, args: DomainsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = target::project(context, &client).await?;
    match args.command.unwrap_or(DomainsCommand::List) {
        DomainsCommand::List => {
            let domains = client.domains(&project.name).await?;
            let mut table = Table::new(&["DOMAIN", "SLOT", "STATE", "CHECKED", "CERTIFICATE UNTIL"]);
            for domain in domains.body {
                let until = context.moment(domain.certificate.not_after);
                let checked = context.moment(domain.checked_at);
                table.row([domain.name, domain.slot, domain.state, checked, until]);
            }
            context.show_table(&domains.raw, &table, "No domain yet: pierhead domains add NAME")
        }
        DomainsCommand::Show { name } => {
            let domain = client.domain(&project.name, &name).await?;
            context.show(&domain.raw, || lines(&domain.body))
        }
        DomainsCommand::Add { name } => {
            let slot = context.slot();
            let domain = client.domain_put(&project.name, &name, slot).await?;
            context.show(&domain.raw, || lines(&domain.body))
        }
        DomainsCommand::Verify { name } => {
            let domain = client.domain_verify(&project.name, &name).await?;
            context.show(&domain.raw, || lines(&domain.body))
        }
        DomainsCommand::Renew { name } => {
            let domain = client.domain_renew(&project.name, &name).await?;
            context.show(&domain.raw, || lines(&domain.body))
        }
        DomainsCommand::Remove { name } => {
            client.domain_delete(&project.name, &name).await?;
            context.say(&format!("{name} is not served any more."));
            Ok(())
        }
    }
}

/// What somebody needs to know, and to do when it is not verified.
fn lines(domain: &Domain) -> Vec<String> {
    if domain.state == "verified" {
        let mut lines = vec![format!("{} shows {} at {}", domain.name, domain.slot, domain.url)];
        if let Some(until) = domain.certificate.not_after {
            lines.push(format!("Its certificate is good until {until:.0}"));
        }
        if let Some(problem) = &domain.certificate.problem {
            let next = domain.certificate.next_order_at.map(|at| format!("; tried again at {at:.0}"));
            lines.push(format!(
                "The last order of a certificate failed: {problem}{}",
                next.unwrap_or_default()
            ));
        }
        return lines;
    }
    let mut lines = vec![
        format!("{} is {}: {}", domain.name, domain.state, domain.explanation),
        "Put one of these records into its zone:".to_owned(),
    ];
    let records = &domain.records;
    lines.extend(records.iter().map(|it| format!("  {:<6}{}  {}", it.r#type, it.name, it.value)));
    lines.push(format!("Then: pierhead domains verify {}", domain.name));
    lines
}
