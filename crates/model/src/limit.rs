//! Limits of a project, with their bounds.

use serde::{Deserialize, Serialize};

/// What one deployment may use. Defaults are those of the lifecycle's reasons: 5 minutes, 512 MiB, 5 minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Of the running service, in MiB.
    pub memory_mb: u32,
    /// In cores.
    pub cpu: f64,
    pub pids: u32,
    /// Of the build, in MiB.
    pub build_memory_mb: u32,
    pub build_cpu: f64,
    pub build_pids: u32,
    /// What a build may write to disk, in MiB.
    pub build_disk_mb: u32,
    pub build_timeout_s: u32,
    pub startup_timeout_s: u32,
    /// Between the polite and the forced stop, and how long requests may finish at a switch.
    pub stop_grace_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mb: 512,
            cpu: 1.0,
            pids: 256,
            build_memory_mb: 2048,
            build_cpu: 2.0,
            build_pids: 512,
            build_disk_mb: 8192,
            build_timeout_s: 300,
            startup_timeout_s: 300,
            stop_grace_s: 30,
        }
    }
}

/// A limit outside its bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{field}` is {value}, but must be between {minimum} and {maximum}")]
pub struct LimitOutOfRange {
    pub field: &'static str,
    pub value: f64,
    pub minimum: f64,
    pub maximum: f64,
}

impl Limits {
    /// Every limit that is out of its bounds, all at once.
    pub fn problems(&self) -> Vec<LimitOutOfRange> {
        let bounds = [
            ("memory_mb", f64::from(self.memory_mb), 16.0, 1_048_576.0),
            ("cpu", self.cpu, 0.05, 256.0),
            ("pids", f64::from(self.pids), 8.0, 32_768.0),
            ("build_memory_mb", f64::from(self.build_memory_mb), 64.0, 1_048_576.0),
            ("build_cpu", self.build_cpu, 0.05, 256.0),
            ("build_pids", f64::from(self.build_pids), 16.0, 32_768.0),
            ("build_disk_mb", f64::from(self.build_disk_mb), 16.0, 1_048_576.0),
            ("build_timeout_s", f64::from(self.build_timeout_s), 1.0, 86_400.0),
            ("startup_timeout_s", f64::from(self.startup_timeout_s), 1.0, 3_600.0),
            ("stop_grace_s", f64::from(self.stop_grace_s), 0.0, 3_600.0),
        ];
        bounds
            .into_iter()
            .filter(|(_, value, minimum, maximum)| !(minimum..=maximum).contains(&value))
            .map(|(field, value, minimum, maximum)| LimitOutOfRange { field, value, minimum, maximum })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(Limits::default().problems(), []);
    }

    #[test]
    fn every_problem_is_told_at_once_and_not_a_number_is_one() {
        let limits = Limits { memory_mb: 1, cpu: f64::NAN, build_timeout_s: 0, ..Limits::default() };
        let fields: Vec<_> = limits.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["memory_mb", "cpu", "build_timeout_s"]);
    }
}
