//! Links and streams over real channels, with strangers, thieves and cuts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod handshake;
mod store;
mod streams;
