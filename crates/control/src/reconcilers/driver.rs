//! What drives a reconciler: a signal and a period, nothing else.
//!
//! An activation takes no input, on purpose: it looks at what is stored and does what follows, so a lost signal costs at most
//! one period, and a restart needs no memory. A reconciler that fails is tried again after its period; it never stops the
//! others. A panic inside one is caught here for the same reason.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// One comparison of what should be with what is.
#[async_trait]
pub(crate) trait Reconciler: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// How often it looks even when nobody asked it to.
    fn period(&self) -> Duration;

    /// Looks, and does what follows. Returns how soon it wants to look again, if sooner than its period.
    async fn activate(&self) -> Result<Option<Duration>, crate::Error>;
}

/// Asks a reconciler to look now. Many signals before it looks are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signal(Arc<Notify>);

impl Signal {
    pub(crate) fn raise(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn raised(&self) {
        self.0.notified().await;
    }
}

/// Runs a reconciler until `stop` says so.
pub(crate) fn drive(
    reconciler: Arc<dyn Reconciler>,
    signal: Signal,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let wait = activate_once(&*reconciler).await;
            tokio::select! {
                () = signal.raised() => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    })
}

async fn activate_once(reconciler: &dyn Reconciler) -> Duration {
    let period = reconciler.period();
    match std::panic::AssertUnwindSafe(reconciler.activate()).catch_unwind().await {
        Ok(Ok(sooner)) => sooner.map_or(period, |sooner| sooner.min(period)),
        Ok(Err(error)) => {
            tracing::warn!(reconciler = reconciler.name(), error = %Chain(&error), "will try again");
            period.min(Duration::from_secs(1))
        }
        Err(_) => {
            tracing::error!(reconciler = reconciler.name(), "panicked; will try again");
            period
        }
    }
}

/// An error with all its causes, for logs.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
