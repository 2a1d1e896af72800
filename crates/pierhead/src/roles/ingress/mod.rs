//! `pierhead ingress`: the entry point as a process of its own, beside a control plane on the same machine.
//!
//! It outlives the control plane: a restart or an upgrade of that one is nothing visitors notice, and a start of this one needs
//! nobody. The table and the certificates come through a socket in the data directory, files of sites from the blobs beside it;
//! what it was told last is kept in a folder of its own, by the port it listens on, so that several can run at once.
//!
//! | module | idea |
//! | --- | --- |
//! | `mod` | two processes: one that serves, and one that looks after it |
//! | [`socket`] | the way to the control plane, from both ends |
//! | [`watchdog`] | a visitor that comes every second, and what happens when it is not answered |

pub(crate) mod socket;
mod watchdog;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use pierhead_control::{CertifiedNames, StoredBlobs};
use pierhead_ingress::Ingress;
use pierhead_store::BlobStore;
use pierhead_wire::{BlobChannel, link};

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
    match part {
        Part::Watchdog => watchdog::run(settings.ingress_listen.value, STOP_GRACE).await,
        Part::Server => serve(settings, printer).await,
    }
}

async fn serve(settings: Settings, printer: &Printer) -> Result<ExitCode> {
    let data_dir = &settings.data_dir.value;
    let folder = own_folder(&settings)?;
    let blobs = BlobStore::open(&data_dir.join("blobs")).await.context("the blobs cannot be opened")?;
    let blobs: Arc<dyn BlobChannel> = Arc::new(StoredBlobs(blobs));
    let socket = socket::path(data_dir);
    let mut options = pierhead_ingress::Options::new(settings.ingress_listen.value);
    options.tunnels = Arc::new(socket::SocketTunnels(socket.clone()));
    options.listen_tls = settings.ingress_tls_listen;
    options.trusted_proxies.clone_from(&settings.trusted_proxies);
    options.access_log = access_log(&settings)?;
    options.table_copy = Some(folder.join("routes"));
    options.certificate_copy = Some(folder.join("certificates"));
    let (to_control, from_control) = link::memory();
    let ingress = Ingress::start(options, blobs, from_control).await?;
    let following = tokio::spawn(socket::follow(socket, to_control));
    let certificates = settings
        .certificates
        .clone()
        .map(|folder| certificates::follow(folder, ingress.certificates(), CertifiedNames::default()));
    printer.say(&format!("Ingress  http://{}", ingress.local_addr()));
    if let Some(address) = ingress.tls_addr() {
        printer.say(&format!("         https://{address}"));
    }
    told_to_stop().await?;
    following.abort();
    if let Some(certificates) = certificates {
        certificates.abort();
    }
    ingress.shutdown(STOP_GRACE).await;
    Ok(ExitCode::SUCCESS)
}

/// Where this ingress keeps what it was told; nobody else reads it, because there are keys in it.
fn own_folder(settings: &Settings) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let port = settings.ingress_listen.value.port();
    let folder = settings.data_dir.value.join("ingress").join(port.to_string());
    fs_err::create_dir_all(&folder)?;
    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}
