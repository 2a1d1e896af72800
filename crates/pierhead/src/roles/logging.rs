//! The server's own log, on stderr.

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Starts it; once per process.
pub(crate) fn start(settings: &Settings, colors: bool) -> Result<()> {
    let level = &settings.log_level;
    let filter = EnvFilter::try_new(&level.value)
        .with_context(|| format!("log.level from {} is `{}`", level.origin, level.value))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(colors);
    let started = match settings.log_format {
        LogFormat::Human => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}
