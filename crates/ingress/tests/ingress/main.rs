//! The data plane over real sockets: every test starts its own ingress on a free port, its own services, and an in-memory
//! control plane and blob store.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, like tests"
)]

mod client;
mod copies;
mod drains;
mod guards;
mod hostile;
mod http2;
mod routing;
mod scale;
mod services;
mod sites;
mod soak;
mod support;
mod switches;
mod tls;
mod tunnels;
mod upstream;
mod waking;
