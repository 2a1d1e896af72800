//! One noun per file: its arguments, and what it does.

pub(crate) mod agent;
pub(crate) mod api;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod deployments;
pub(crate) mod detect;
pub(crate) mod dotenv;
pub(crate) mod env;
pub(crate) mod environments;
pub(crate) mod init;
pub(crate) mod link;
pub(crate) mod logs;
pub(crate) mod nodes;
pub(crate) mod open;
pub(crate) mod projects;
pub(crate) mod ps;
pub(crate) mod runtimes;
pub(crate) mod session;
pub(crate) mod ship;
pub(crate) mod slots;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod up;
pub(crate) mod validate;
pub(crate) mod verify;
pub(crate) mod version;
