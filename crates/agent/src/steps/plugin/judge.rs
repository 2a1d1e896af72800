//! What the end of a plugin means: success, or a failure with its reason and the plugin's own words.

use std::time::Duration;

use pierhead_engine::Error as EngineError;
use pierhead_engine::state::Exit;
use pierhead_model::deployment::{Failure, Reason};

use super::{Limits, Outcome};
use crate::steps::contract::{self, Action, Violation, meaning};
use crate::steps::mask::Mask;
use crate::steps::output::TooMuch;

/// Characters of what a plugin printed that are shown with a failure.
const EXCERPT: usize = 400;
/// Bytes that are looked at for it: masking before cutting, so that no half of a secret remains.
const LOOKED_AT: usize = 64 << 10;

/// Whose end is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'j> {
    pub(super) step: &'j str,
    pub(super) action: Action,
    pub(super) limits: &'j Limits,
    pub(super) mask: &'j Mask,
}

impl Judge<'_> {
    /// The end of a plugin that ended by itself.
    pub(super) fn end(&self, exit: &Exit, stdout: &[u8]) -> Outcome {
        let answer = contract::parse(stdout);
        if exit.code != 0 && exit.oom_killed {
            return self.out_of_memory();
        }
        match answer {
            Ok(answer) if exit.code == 0 && answer.success => Outcome::Succeeded(answer),
            Ok(answer) => {
                let words = self.words(&answer.output, "it gave no explanation");
                self.failed(format!("{words} ({})", code(exit.code)))
            }
            Err(Violation::Empty) if exit.code != 0 => {
                self.failed(format!("it ended with {} and printed no answer", code(exit.code)))
            }
            Err(violation) => {
                let excerpt = self.excerpt(stdout);
                let code = if exit.code == 0 { String::new() } else { format!(", {}", code(exit.code)) };
                let printed =
                    if excerpt.is_empty() { String::new() } else { format!("; it printed: {excerpt}") };
                self.failed(format!(
                    "a plugin must print exactly one JSON object on standard output, but {violation}{code}{printed}"
                ))
            }
        }
    }

    /// It broke a limit on what it may print, and was ended for it.
    pub(super) fn too_much(&self, broken: TooMuch, log_limit_bytes: u64) -> Outcome {
        match broken {
            TooMuch::Stdout => {
                self.failed(format!(
                    "a plugin must print exactly one JSON object on standard output, but {}: print logs on standard error",
                    Violation::TooLarge
                ))
            }
            TooMuch::Log => {
                let limit_mb = u32::try_from(log_limit_bytes >> 20).unwrap_or(u32::MAX);
                let detail =
                    format!("{} printed more than {limit_mb} MiB and was ended: let it print less", self.who());
                Outcome::Failed(Failure::new(Reason::LogLimit { limit_mb }, detail))
            }
        }
    }

    pub(super) fn timed_out(&self, timeout: Duration) -> Outcome {
        let limit_s = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        let detail = format!(
            "{} did not end within {limit_s} s and was stopped: see its log, or raise its `timeout_s`",
            self.who()
        );
        Outcome::Failed(Failure::new(Reason::PluginTimeout { limit_s }, detail))
    }

    /// The engine does not make or start it, and would not if it were asked again.
    pub(super) fn not_started(&self, why: &EngineError) -> Outcome {
        let said = self.mask.apply(why.to_string());
        if matches!(why, EngineError::NoSuchImage { .. }) {
            let detail = format!("{} could not be started: {said}", self.who());
            return Outcome::Failed(Failure::new(Reason::ImagePullFailed, detail));
        }
        self.failed(format!("its container could not be started: {said}"))
    }

    pub(super) fn failed(&self, why: String) -> Outcome {
        let detail = format!("{} failed: {why}. See its log", self.who());
        Outcome::Failed(Failure::new(Reason::PluginFailed, detail))
    }

    fn out_of_memory(&self) -> Outcome {
        let limit_mb = self.limits.memory_mb;
        let detail = format!(
            "{} needed more than its {limit_mb} MiB of memory and was ended: raise its `memory_mb`, or make it use less",
            self.who()
        );
        Outcome::Failed(Failure::new(Reason::OutOfMemory { limit_mb, peak_mb: limit_mb }, detail))
    }

    fn who(&self) -> String {
        match self.action {
            Action::Create => format!("the plugin step `{}`", self.step),
            Action::Destroy => format!("undoing the plugin step `{}`", self.step),
        }
    }

    /// The beginning of what was printed.
    fn excerpt(&self, stdout: &[u8]) -> String {
        let looked_at = String::from_utf8_lossy(&stdout[..stdout.len().min(LOOKED_AT)]);
        let masked = if stdout.len() > LOOKED_AT {
            self.mask.apply_to_cut(&looked_at, looked_at.len())
        } else {
            self.mask.apply(looked_at.into_owned())
        };
        self.words(&masked, "")
    }

    /// Somebody's text on one line, masked, at most [`EXCERPT`] characters.
    fn words(&self, text: &str, instead: &str) -> String {
        let text = self.mask.apply(text.to_owned());
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = one_line.chars().take(EXCERPT).flat_map(shown).collect();
        match (shown.is_empty(), one_line.chars().count() > EXCERPT) {
            (true, _) => instead.to_owned(),
            (false, true) => format!("{shown}…"),
            (false, false) => shown.trim_end_matches('.').to_owned(),
        }
    }
}

/// What a terminal or a page would act upon is written out.
fn shown(character: char) -> impl Iterator<Item = char> {
    let escape = character.is_control() || ('\u{202a}'..='\u{202e}').contains(&character);
    let written = escape.then(|| character.escape_unicode()).into_iter().flatten();
    written.chain((!escape).then_some(character))
}

fn code(code: i64) -> String {
    match meaning(code) {
        Some(meaning) => format!("exit code {code}: {meaning}"),
        None => format!("exit code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    fn judged(code: i64, oom_killed: bool, stdout: &str) -> Outcome {
        let exit = Exit { code, oom_killed, started_at: None, finished_at: Timestamp::UNIX_EPOCH };
        let mask = Mask::new(["hunter2"]);
        let limits = Limits::default();
        let judge = Judge { step: "db", action: Action::Create, limits: &limits, mask: &mask };
        judge.end(&exit, stdout.as_bytes())
    }

    fn failure(code: i64, oom_killed: bool, stdout: &str) -> (Reason, String) {
        match judged(code, oom_killed, stdout) {
            Outcome::Failed(failure) => (failure.reason, failure.detail),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn success_needs_both_the_exit_code_and_the_word() {
        assert!(matches!(judged(0, false, r#"{"success":true}"#), Outcome::Succeeded(_)));
        for (code, stdout, told) in [
            (
                0,
                r#"{"success":false,"output":"no such host."}"#,
                "the plugin step `db` failed: no such host (exit code 0). See its log",
            ),
            (
                77,
                r#"{"success":false,"output":"password hunter2 refused"}"#,
                "password [secret] refused (exit code 77: its credentials were refused, or may not do this)",
            ),
            (1, r#"{"success":true}"#, "it gave no explanation (exit code 1)"),
            (139, "", "it ended with exit code 139: it crashed and printed no answer"),
            (0, "", "it printed nothing on standard output. See its log"),
            (0, "ok hunter2\n\u{1b}[2J", "not JSON (line 1, column 1); it printed: ok [secret] \\u{1b}[2J."),
            (3, "{}\u{202e}", "something after it (line 1, column 3), exit code 3; it printed: {}\\u{202e}"),
        ] {
            let (reason, detail) = failure(code, false, stdout);
            assert_eq!(reason, Reason::PluginFailed);
            assert!(detail.contains(told), "{detail}");
            assert!(!detail.contains("hunter2") && !detail.contains('\u{1b}'), "{detail}");
        }
    }

    #[test]
    fn memory_explains_a_failure_but_makes_none() {
        let (reason, detail) = failure(137, true, "");
        assert_eq!(reason, Reason::OutOfMemory { limit_mb: 256, peak_mb: 256 });
        assert!(detail.contains("256 MiB"), "{detail}");
        assert!(matches!(judged(0, true, r#"{"success":true}"#), Outcome::Succeeded(_)));
    }

    #[test]
    fn an_excerpt_is_short_and_cuts_no_secret_in_halves() {
        let long = format!("{}hunter2{}", "x".repeat(EXCERPT - 3), "y".repeat(5000));
        let blank = format!("{}hunter2", " ".repeat(LOOKED_AT - 5));
        for text in [long, blank] {
            let (_, detail) = failure(0, false, &text);
            assert!(detail.len() < 2 * EXCERPT, "{detail}");
            assert!(!detail.contains("hun"), "{detail}");
        }
    }
}
