//! Why an ingress does not start.

use std::io;
use std::net::SocketAddr;

#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// Another program listens there, the port needs privileges, or the address is not of this machine.
    #[error(
        "cannot listen on {address} for visitors; choose another address or stop the program that uses it"
    )]
    Listen { address: SocketAddr, source: io::Error },
    /// Nothing that a setting could change: the program was built without what TLS needs.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}
