//! What the program can be: everything in one process, a node on a machine of its own, an ingress
//! beside it, the maker of runtime and plugin images.

mod access_log;
pub(crate) mod agent;
mod certificates;
pub(crate) mod detector;
pub(crate) mod engine;
pub(crate) mod host;
pub(crate) mod ingress;
pub(crate) mod logging;
mod mail;
mod master_key;
pub(crate) mod plugin_trial;
pub(crate) mod plugins;
pub(crate) mod runtimes;
pub(crate) mod server;
pub(crate) mod up;
