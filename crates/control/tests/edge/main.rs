//! The control plane before its ingresses: hostnames that projects claim, against a real DNS server.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like tests")]

mod certificates;
mod cloudflare;
mod domains;
mod world;
