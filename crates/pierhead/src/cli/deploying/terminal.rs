//! Progress on a terminal: a line per finished phase, and two moving ones for what goes on.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Reporter, milestones};
use crate::cli::client::types::{Deployment, LogLine};
use crate::output::style::{DIM, GOOD, LINK, paint};
use crate::output::{Printer, safe_text};

pub(super) struct Terminal<'p> {
    printer: &'p Printer,
    bars: MultiProgress,
    phase: ProgressBar,
    tail: ProgressBar,
    told: usize,
    label: String,
}

impl<'p> Terminal<'p> {
    pub(super) fn new(printer: &'p Printer) -> Self {
        let bars = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
        };
        let phase = bars.add(ProgressBar::new_spinner());
        phase.set_style(
            style("{spinner} {prefix:<12} {wide_msg} {elapsed}").tick_strings(printer.symbols().ticks),
        );
        phase.enable_steady_tick(Duration::from_millis(100));
        let tail = bars.add(ProgressBar::new_spinner());
        tail.set_style(style("               {wide_msg:.dim}"));
        Self { printer, bars, phase, tail, told: 0, label: String::new() }
    }
}

impl Reporter for Terminal<'_> {
    fn deployment(&mut self, deployment: &Deployment) {
        let ended = milestones::ended(deployment);
        let done = paint(GOOD, self.printer.symbols().done);
        // A plan can arrive late, but what is told stays told: phases only ever grow at the end of what was seen.
        for phase in ended.iter().skip(self.told) {
            let line = format!("{done} {:<12} {}", phase.label, safe_text::plain(&phase.detail));
            self.bars.suspend(|| self.printer.say(&line));
        }
        self.told = self.told.max(ended.len());
        match milestones::current(deployment) {
            Some(phase) => {
                if phase.label != self.label {
                    self.label.clone_from(&phase.label);
                    self.phase.reset_elapsed();
                    self.tail.set_message("");
                }
                self.phase.set_prefix(phase.label);
                self.phase.set_message(safe_text::plain(&phase.detail));
            }
            None => self.finish(),
        }
        if deployment.state == pierhead_model::deployment::State::Production {
            for line in afterwards(deployment) {
                self.printer.say(&line);
            }
        }
    }

    fn line(&mut self, line: &LogLine) {
        self.tail.set_message(safe_text::plain(&line.text));
    }

    fn finish(&mut self) {
        self.tail.finish_and_clear();
        self.phase.finish_and_clear();
    }
}

/// Below the address: the other address, and the way back.
fn afterwards(deployment: &Deployment) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(own) = deployment.own_url() {
        lines.push(format!(
            "               {}  {}",
            paint(LINK, &safe_text::plain(own)),
            paint(DIM, "this deployment, for good")
        ));
    }
    if deployment.number.is_some_and(|number| number > 1) {
        lines.push("               Undo with: pierhead rollback".to_owned());
    }
    lines
}
