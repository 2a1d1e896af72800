//! What the program can be: so far everything in one process.

pub(crate) mod detector;
pub(crate) mod host;
pub(crate) mod server;
pub(crate) mod up;
