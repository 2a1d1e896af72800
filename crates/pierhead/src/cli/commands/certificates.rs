//! `certificates`: handed over, or ordered for domains.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;

/// More than a server takes.
const MAX_PEM_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct CertificatesArgs {
    #[command(subcommand)]
    command: Option<CertificatesCommand>,
    /// Those of the installation's own names, in place of a project's (for administrators)
    #[arg(long, global = true)]
    platform: bool,
}

#[derive(Debug, Subcommand)]
enum CertificatesCommand {
    /// List certificates
    #[command(visible_alias = "ls")]
    List,
    /// Hand a certificate over
    #[command(visible_aliases = ["add", "create"])]
    Upload {
        /// PEM: the certificate itself, then who signed it
        chain: PathBuf,
        /// PEM
        key: PathBuf,
    },
    /// Delete a certificate
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { id: String },
}

pub(crate) async fn run(context: &Context, args: CertificatesArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = match args.platform {
        true => None,
        false => Some(target::project(context, &client).await?.name),
    };
    let project = project.as_deref();
    match args.command.unwrap_or(CertificatesCommand::List) {
        CertificatesCommand::List => {
            let certificates = client.certificates(project).await?;
            let mut table = Table::new(&["ID", "NAMES", "SOURCE", "UNTIL"]);
            for it in certificates.body {
                table.row([it.id, it.names.join(" "), it.source, context.moment(Some(it.not_after))]);
            }
            context.show_table(&certificates.raw, &table, "No certificate yet: pierhead certificates upload")
        }
        CertificatesCommand::Upload { chain, key } => {
            let (chain, key) = (read(&chain)?, read(&key)?);
            let created = client.certificate_create(project, &chain, &key).await?;
            let shown = &created.body;
            context.show(&created.raw, || {
                vec![format!("{} for {}, good until {:.0}", shown.id, shown.names.join(" "), shown.not_after)]
            })
        }
        CertificatesCommand::Delete { id } => {
            client.certificate_delete(project, &id).await?;
            context.say(&format!("Deleted {id}."));
            Ok(())
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = fs_err::File::open(path).and_then(|file| file.take(MAX_PEM_BYTES).read_to_string(&mut text));
    let unreadable = |error| Error::local("the file cannot be read", error, "give a chain and a key in PEM");
    read.map(|_| text).map_err(unreadable)
}
