//! Progress for logs and pipes: a line per change of phase, and a sign of life every 30 s.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{Reporter, ShowLogs, milestones};
use crate::cli::client::types::{Deployment, LogLine};
use crate::output::{Printer, safe_text};

const HEARTBEAT: Duration = Duration::from_secs(30);

pub(super) struct Plain<'p> {
    printer: &'p Printer,
    show: ShowLogs,
    said: HashSet<String>,
    phase: String,
    phase_since: Instant,
    spoken_at: Instant,
}

impl<'p> Plain<'p> {
    pub(super) fn new(printer: &'p Printer, show: ShowLogs) -> Self {
        let now = Instant::now();
        Self { printer, show, said: HashSet::new(), phase: String::new(), phase_since: now, spoken_at: now }
    }

    fn say(&mut self, line: &str) {
        self.printer.say(&safe_text::plain(line));
        self.spoken_at = Instant::now();
    }
}

impl Reporter for Plain<'_> {
    fn deployment(&mut self, deployment: &Deployment) {
        for milestone in milestones::begun(deployment) {
            if self.said.insert(milestone.key) {
                self.say(&milestone.text);
            }
        }
        let phase =
            milestones::current(deployment).map(|phase| phase.label.to_lowercase()).unwrap_or_default();
        if phase != self.phase {
            self.phase = phase;
            self.phase_since = Instant::now();
        }
    }

    fn line(&mut self, line: &LogLine) {
        if self.show == ShowLogs::Full {
            self.printer.say(&safe_text::with_colors(&line.text));
            self.spoken_at = Instant::now();
        }
    }

    fn tick(&mut self) {
        if self.spoken_at.elapsed() >= HEARTBEAT && !self.phase.is_empty() {
            let seconds = self.phase_since.elapsed().as_secs();
            let line = format!(
                "{}, {}",
                self.phase,
                humantime::format_duration(Duration::from_secs(seconds)).to_string().replace(' ', "")
            );
            self.say(&line);
        }
    }
}
