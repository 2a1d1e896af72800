//! What the program can be: so far everything in one process, and the maker of its runtime images.

pub(crate) mod detector;
pub(crate) mod engine;
pub(crate) mod host;
pub(crate) mod logging;
pub(crate) mod runtimes;
pub(crate) mod server;
pub(crate) mod up;
