//! What is sent to the control plane on one link, and when it is sent again.
//!
//! The sender works on levels: the latest report of each deployment, the lines that are not stored yet. It never blocks the
//! receiver and holds nothing that is not on disk, so a link that is cut loses nothing. Reports go before lines; lines wait
//! a moment for company.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Link;
use crate::node::Node;

/// How long a line may wait for others.
const COMPANY: Duration = Duration::from_millis(10);

/// What is to be said that is no report and no line; only the latest of each counts.
#[derive(Debug, Default)]
struct Outbox {
    inventory: Option<AgentToControl>,
    images_kept: HashMap<String, Option<Digest>>,
    hello: Option<AgentToControl>,
    refusal: Option<AgentToControl>,
    pong: Option<u64>,
    usage: Option<AgentToControl>,
    /// The session was admitted: reports and lines may go.
    open: bool,
}

/// One link in use. Dropping it ends its sender.
#[derive(Debug)]
pub(crate) struct Session {
    receiver: mpsc::Receiver<ControlToAgent>,
    outbox: Arc<Mutex<Outbox>>,
    node: Arc<Node>,
    sender: JoinHandle<()>,
    /// The other end is there.
    pub(crate) connected: bool,
}

impl Session {
    pub(crate) fn begin(node: Arc<Node>, link: Link) -> Self {
        let (to_control, receiver) = link.split();
        let outbox = Arc::new(Mutex::new(Outbox::default()));
        let sender = tokio::spawn(send_all(Arc::clone(&node), Arc::clone(&outbox), to_control));
        Self { receiver, outbox, node, sender, connected: true }
    }

    /// The next message. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Option<ControlToAgent> {
        self.receiver.recv().await
    }

    pub(crate) fn is_open(&self) -> bool {
        self.outbox.lock().open
    }

    /// The session is admitted: everything that is not stored is told again.
    pub(crate) fn open(&self, hello: AgentToControl) {
        {
            let mut outbox = self.outbox.lock();
            outbox.hello = Some(hello);
            outbox.open = true;
        }
        self.node.book.restart();
        self.node.images.seeks.restart();
        self.node.logs.rewind(Instant::now(), Duration::ZERO);
        self.node.lines_due.notify_one();
    }

    pub(crate) fn refuse(&self, reason: String) {
        let mut outbox = self.outbox.lock();
        outbox.open = false;
        outbox.refusal = Some(AgentToControl::Refused { reason });
        drop(outbox);
        self.node.reports_due.notify_one();
    }

    pub(crate) fn pong(&self, number: u64) {
        self.outbox.lock().pong = Some(number);
        self.node.reports_due.notify_one();
    }

    /// For answers that take their time; when the session has ended by then, they go nowhere.
    pub(crate) fn outbox(&self) -> Answers {
        Answers { outbox: Arc::clone(&self.outbox), node: Arc::clone(&self.node) }
    }

    pub(crate) fn usage(&self, usage: AgentToControl) {
        self.outbox.lock().usage = Some(usage);
        self.node.reports_due.notify_one();
    }
}

/// Where a task of its own leaves its answer.
#[derive(Debug)]
pub(crate) struct Answers {
    outbox: Arc<Mutex<Outbox>>,
    node: Arc<Node>,
}

impl Answers {
    pub(crate) fn inventory(&self, inventory: AgentToControl) {
        self.outbox.lock().inventory = Some(inventory);
        self.node.reports_due.notify_one();
    }

    pub(crate) fn image_kept(&self, reference: String, image: Option<Digest>) {
        self.outbox.lock().images_kept.insert(reference, image);
        self.node.reports_due.notify_one();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

async fn send_all(node: Arc<Node>, outbox: Arc<Mutex<Outbox>>, link: mpsc::Sender<AgentToControl>) {
    let resend = node.options.resend_after;
    let mut check = tokio::time::interval(resend.max(Duration::from_millis(10)));
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut lines_waiting = false;
    // Lines are there and wait until then for company.
    let mut gathering = None;
    loop {
        if send_urgent(&node, &outbox, &link, resend).await.is_err() {
            return;
        }
        let open = outbox.lock().open;
        if lines_waiting && open {
            match send_lines(&node, &link).await {
                Ok(more) => lines_waiting = more,
                Err(Gone) => return,
            }
            if lines_waiting {
                continue;
            }
        }
        tokio::select! {
            () = node.reports_due.notified() => {}
            () = node.lines_due.notified(), if gathering.is_none() => gathering = Some(Instant::now() + COMPANY),
            () = until(gathering) => {
                gathering = None;
                lines_waiting = true;
            }
            _ = check.tick() => node.logs.rewind(Instant::now(), resend),
            () = link.closed() => return,
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

struct Gone;

async fn send_urgent(
    node: &Node,
    outbox: &Mutex<Outbox>,
    link: &mpsc::Sender<AgentToControl>,
    resend: Duration,
) -> Result<(), Gone> {
    let (mut messages, open) = {
        let mut outbox = outbox.lock();
        let pong = outbox.pong.take().map(|number| AgentToControl::Pong { number });
        let open = outbox.open;
        let usage = if open { outbox.usage.take() } else { None };
        let inventory = if open { outbox.inventory.take() } else { None };
        let mut messages = vec![outbox.refusal.take(), outbox.hello.take(), pong, usage, inventory];
        if open {
            let kept = std::mem::take(&mut outbox.images_kept).into_iter();
            messages
                .extend(kept.map(|(reference, image)| Some(AgentToControl::ImageKept { reference, image })));
        }
        (messages, open)
    };
    if open {
        let sought = node.images.seeks.due().into_iter();
        messages.extend(sought.map(|reference| Some(AgentToControl::SeekImage { reference })));
    }
    for message in messages.into_iter().flatten() {
        link.send(message).await.map_err(|_| Gone)?;
    }
    if open {
        for report in node.book.due(Instant::now(), resend) {
            link.send(AgentToControl::Report(report)).await.map_err(|_| Gone)?;
        }
    }
    Ok(())
}

/// Sends one batch of each deployment that has lines, and says whether there were any.
async fn send_lines(node: &Node, link: &mpsc::Sender<AgentToControl>) -> Result<bool, Gone> {
    let due = node.logs.due(Instant::now());
    let any = !due.is_empty();
    for (deployment, lines) in due {
        link.send(AgentToControl::Log { deployment, lines }).await.map_err(|_| Gone)?;
    }
    Ok(any)
}
