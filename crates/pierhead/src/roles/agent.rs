//! `pierhead agent`: a node on a machine of its own.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use pierhead_agent::{Agent, Meeting, RuntimeBuilder, Tools, Uplink};
use pierhead_wire::link::token::AgentToken;
use pierhead_wire::link::{self, Tls};
use pierhead_wire::streams::RemoteBlobs;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::up::{agent_options, lock, told_to_stop};
use super::{engine, logging};
use crate::output::Printer;
use crate::settings::Settings;
use crate::settings::resolve::Origin;

/// Where an agent listens when nothing is said: on every address, because it is called from another machine.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 8410);

/// Runs until it is told to stop.
pub(crate) async fn run(settings: Settings, printer: &Printer) -> Result<ExitCode> {
    logging::start(&settings, printer.colors_stderr())?;
    if let Some(point) = &settings.crash_at {
        pierhead_model::crash::arm(point);
    }
    let token = settings.agent_token.as_ref().context(
        "an agent needs its token: set PIERHEAD_AGENT_TOKEN to what `pierhead nodes add` showed, or name its file with \
         --agent-token-file",
    )?;
    let token: AgentToken = token.expose_secret().parse()?;
    let data_dir = &settings.data_dir.value;
    fs_err::create_dir_all(data_dir)?;
    let _lock = lock(&settings)?;
    let certificate = pierhead_agent::certificate(&data_dir.join("link.pem"))?;
    let meeting = match &settings.control_address {
        Some(address) => Meeting::Dial(address.clone()),
        None => {
            let address = match settings.listen.origin {
                Origin::Default => LISTEN,
                _ => settings.listen.value,
            };
            let listening = TcpListener::bind(address).await;
            Meeting::Listen(
                listening
                    .with_context(|| format!("cannot listen on {address}: is another agent running?"))?,
            )
        }
    };

    let engine = engine::connect(&settings.engine_socket).await?;
    let blobs = Arc::new(RemoteBlobs::default());
    let runtimes = RuntimeBuilder::new(Arc::clone(&engine), data_dir.join("runtimes"));
    let tools = Tools {
        engine,
        blobs: Arc::<RemoteBlobs>::clone(&blobs),
        runtimes: Arc::new(runtimes),
        leaders: Arc::<RemoteBlobs>::clone(&blobs),
    };
    // Until the control plane is met there is nobody at the other end.
    let (nobody, alone) = link::memory();
    drop(nobody);
    let agent = Arc::new(Agent::start(agent_options(&settings), tools, alone).await?);

    printer.say(&format!("Node        {}", token.bearer()));
    printer.say(&format!("Thumbprint  {}", certificate.thumbprint()));
    match &meeting {
        Meeting::Listen(listener) => printer.say(&format!("Listening   {}", listener.local_addr()?)),
        Meeting::Dial(address) => printer.say(&format!("Dialling    {address}")),
    }
    let uplink = Uplink { tls: Tls::new(&certificate)?, token, agent: Arc::clone(&agent), blobs };
    let stop = CancellationToken::new();
    let met = tokio::spawn(uplink.run(meeting, stop.clone()));
    told_to_stop().await?;
    printer.say("Stopping; what is deployed keeps running.");
    stop.cancel();
    let _ = met.await;
    if let Some(agent) = Arc::into_inner(agent) {
        agent.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}
