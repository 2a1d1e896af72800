//! What steps print, into the deployment's log.

use std::sync::Arc;

use pierhead_engine::log::LogCursor;

use crate::log::{DeploymentLog, Entry};
use crate::steps::{Line, Lines};

#[derive(Debug)]
pub(super) struct IntoLog(pub(super) Arc<DeploymentLog>);

impl Lines for IntoLog {
    fn read_up_to(&self, container: &str) -> Option<LogCursor> {
        self.0.cursor_of(container)
    }

    fn keep(&self, step: &str, container: &str, lines: Vec<Line>, read_up_to: Option<LogCursor>) {
        let entry = |line: Line| Entry { time: line.time, stream: line.stream, text: line.text };
        let entries = lines.into_iter().map(entry).collect();
        self.0.append_of(step, entries, read_up_to.map(|cursor| (container, cursor)));
    }
}
