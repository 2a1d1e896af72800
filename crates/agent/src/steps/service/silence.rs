//! Why nothing answers: a wrong port is the usual reason, and what listens inside of the container tells it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pierhead_engine::state::ContainerId;

use super::{Check, Service};
use crate::steps::Context;

/// Docker's name server listens inside every container, on a port that changes.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Looks into the container. `last` is the last answer that was not good.
pub(super) async fn explain_at(
    context: &Context,
    service: &Service,
    container: Option<&ContainerId>,
    last: &str,
) -> String {
    let port = match service.health.check {
        Check::Http { port, .. } | Check::Tcp { port } => port,
        Check::Command(_) | Check::Process => return format!("{last}. See its log and its health check"),
    };
    let sockets = match (context.engine.listening(), container) {
        (Some(listening), Some(id)) => listening.sockets(id).await.ok(),
        _ => None,
    };
    explain(port, sockets.as_deref(), last)
}

fn explain(port: u16, sockets: Option<&[SocketAddr]>, last: &str) -> String {
    let Some(sockets) = sockets else { return format!("{last}. See its log and its health check") };
    let own: Vec<_> = sockets.iter().filter(|socket| socket.ip() != RESOLVER).copied().collect();
    let sockets = own.as_slice();
    let reachable = |socket: &&SocketAddr| !socket.ip().is_loopback();
    if sockets.iter().any(|socket| socket.port() == port && !socket.ip().is_loopback()) {
        return format!(
            "it listens on port {port}, but its answer is not good ({last}). Check the health path"
        );
    }
    if sockets.iter().any(|socket| socket.port() == port) {
        return format!(
            "nothing on 0.0.0.0:{port}; the process listens on 127.0.0.1:{port}, where only itself can reach it. \
             Bind 0.0.0.0 (the variable HOST says so)"
        );
    }
    let other = sockets.iter().find(reachable).or_else(|| sockets.first());
    match other {
        Some(socket) => format!(
            "nothing on 0.0.0.0:{port}; the process listens on {socket}. Set `port: {}` and bind 0.0.0.0, or listen \
             on $PORT",
            socket.port()
        ),
        None => format!(
            "nothing on 0.0.0.0:{port}; the process listens on no port. Let it listen on 0.0.0.0:$PORT"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_is_said_with_what_to_do() {
        let sockets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        for (listening, expected) in [
            (
                &["127.0.0.1:8080"][..],
                "the process listens on 127.0.0.1:8080. Set `port: 8080` and bind 0.0.0.0",
            ),
            (&["127.0.0.1:3000"], "listens on 127.0.0.1:3000, where only itself can reach it"),
            (&["127.0.0.1:9229", "0.0.0.0:5000"], "listens on 0.0.0.0:5000. Set `port: 5000`"),
            (&[], "listens on no port"),
            (&["127.0.0.11:39639"], "listens on no port"),
            (&["0.0.0.0:3000"], "its answer is not good (it answered 500)"),
        ] {
            let told = explain(3000, Some(&sockets(listening)), "it answered 500");
            assert!(told.contains(expected), "{told}");
        }
        assert_eq!(explain(3000, None, "refused"), "refused. See its log and its health check");
    }
}
