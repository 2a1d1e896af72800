//! A connection that has stopped being HTTP: bytes go both ways until one side ends, or the deployment's drain time does.
//!
//! A tunnel exists only after the service has agreed with `101`; until then what the visitor sends is HTTP or nothing.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::endpoint::InUse;
use crate::exchange::Exchange;

const BUFFER: usize = 16 * 1024;
/// Both sides have agreed already; the switch itself takes no time.
const SWITCH: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) visitor: OnUpgrade,
    pub(crate) service: OnUpgrade,
    pub(crate) exchange: Exchange,
    pub(crate) in_use: InUse,
}

impl Tunnel {
    pub(crate) async fn run(self) {
        let Self { visitor, service, mut exchange, in_use: _in_use } = self;
        let both = async { tokio::try_join!(visitor, service) };
        let Ok(Ok((visitor, service))) = tokio::time::timeout(SWITCH, both).await else { return };
        let (mut visitor, mut service) = (TokioIo::new(visitor), TokioIo::new(service));
        let copied = {
            let copying =
                tokio::io::copy_bidirectional_with_sizes(&mut visitor, &mut service, BUFFER, BUFFER);
            tokio::select! {
                copied = copying => copied,
                () = exchange.cut() => return,
            }
        };
        match copied {
            Ok((_, to_visitor)) => exchange.add_bytes(to_visitor),
            Err(error) => tracing::trace!(%error, "a tunnel ended early"),
        }
    }
}
