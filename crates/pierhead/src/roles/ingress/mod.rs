//! `pierhead ingress`: the entry point as a process of its own, beside a control plane on the same machine or far from it.
//!
//! It outlives the control plane: a restart or an upgrade of that one is nothing visitors notice, and a start of this one needs
//! nobody. Beside its control plane the table and the certificates come through a socket in the data directory and files of sites from
//! the blobs there; far from it both come over the network. What it was told last is kept in a folder of its own, so that several can
//! run at once.
//!
//! | module | idea |
//! | --- | --- |
//! | `mod` | two processes: one that serves, and one that looks after it |
//! | [`socket`] | the way to the control plane, from both ends |
//! | [`remote`] | the way to a control plane on another machine |
//! | [`fetched`] | the files of sites that were fetched from there |
//! | [`watchdog`] | a visitor that comes every second, and what happens when it is not answered |

mod fetched;
mod remote;
pub(crate) mod socket;
mod watchdog;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use pierhead_control::{CertifiedNames, StoredBlobs};
use pierhead_ingress::Ingress;
use pierhead_store::BlobStore;
use pierhead_wire::{BlobChannel, Tunnels, link};
use tokio::task::JoinSet;

use fetched::Fetched;
use remote::Remote;

use super::up::{access_log, told_to_stop};
use super::{certificates, logging};
use crate::output::Printer;
use crate::settings::Settings;

/// How long requests may take to finish when the process is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Starts the one that serves, and starts it again when it does not.
    Watchdog,
    Server,
}

/// Runs until it is told to stop.
pub(crate) async fn run(settings: Settings, part: Part, printer: &Printer) -> Result<ExitCode> {
    logging::start(&settings, printer.colors_stderr())?;
    if settings.ingress_listen.value.port() == 0 {
        bail!("an ingress of its own needs a port: set `ingress_listen` to one");
    }
    // What cannot be right is said once, and not by a process that is started again and again.
    remote::token(&settings)?;
    match part {
        Part::Watchdog => watchdog::run(settings.ingress_listen.value, STOP_GRACE).await,
        Part::Server => serve(settings, printer).await,
    }
}

async fn serve(settings: Settings, printer: &Printer) -> Result<ExitCode> {
    let data_dir = &settings.data_dir.value;
    let token = remote::token(&settings)?;
    let folder = match &token {
        Some(token) => remote::folder(data_dir, token),
        None => data_dir.join("ingress").join(settings.ingress_listen.value.port().to_string()),
    };
    make_own(&folder)?;
    let remote = token.map(|token| Remote::new(&settings, token, &folder, printer)).transpose()?;
    let socket = socket::path(data_dir);
    let (blobs, tunnels): (Arc<dyn BlobChannel>, Arc<dyn Tunnels>) = match &remote {
        Some(remote) => {
            let budget = settings.ingress_cache_mb << 20;
            let fetched = Fetched::open(&folder, budget, Arc::clone(&remote.blobs) as _).await;
            (
                Arc::new(fetched.context("the files that were fetched cannot be opened")?),
                Arc::clone(&remote.blobs) as _,
            )
        }
        None => {
            let blobs =
                BlobStore::open(&data_dir.join("blobs")).await.context("the blobs cannot be opened")?;
            (Arc::new(StoredBlobs(blobs)), Arc::new(socket::SocketTunnels(socket.clone())))
        }
    };
    let mut options = pierhead_ingress::Options::new(settings.ingress_listen.value);
    options.tunnels = tunnels;
    options.listen_tls = settings.ingress_tls_listen;
    options.trusted_proxies.clone_from(&settings.trusted_proxies);
    options.access_log = access_log(&settings)?;
    options.table_copy = Some(folder.join("routes"));
    options.certificate_copy = Some(folder.join("certificates"));
    let (to_control, from_control) = link::memory();
    let ingress = Ingress::start(options, blobs, from_control).await?;
    let mut following = JoinSet::new();
    match remote {
        Some(remote) => following = remote.follow(to_control),
        None => drop(following.spawn(socket::follow(socket, to_control))),
    }
    let certificates = settings
        .certificates
        .clone()
        .map(|folder| certificates::follow(folder, ingress.certificates(), CertifiedNames::default()));
    printer.say(&format!("Ingress  http://{}", ingress.local_addr()));
    if let Some(address) = ingress.tls_addr() {
        printer.say(&format!("         https://{address}"));
    }
    told_to_stop().await?;
    drop(following);
    if let Some(certificates) = certificates {
        certificates.abort();
    }
    ingress.shutdown(STOP_GRACE).await;
    Ok(ExitCode::SUCCESS)
}

/// Makes the folder where this ingress keeps what it was told. Nobody else reads it, because there are keys in it.
fn make_own(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::create_dir_all(folder)?;
    fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    Ok(())
}
