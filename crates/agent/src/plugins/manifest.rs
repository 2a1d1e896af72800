//! `plugin.yaml`: what an admin registers, in one file beside the plugin's source.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::steps::contract::Action;
use crate::steps::network::Networks;
use crate::steps::plugin;

/// What one attempt may take, unless the manifest says otherwise, in seconds.
const DEFAULT_TIMEOUT_S: u32 = 300;

/// What a plugin declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// A host label, such as `run-sql`.
    pub name: String,
    /// Three numbers, such as `1.0.0`.
    pub version: String,
    /// What a pipeline names: a repository and a tag.
    pub image: String,
    pub description: String,
    /// `create`, and `destroy` if it also undoes what it made.
    pub actions: Vec<Action>,
    pub network: Network,
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u32,
    #[serde(default)]
    pub limits: Limits,
    /// A JSON Schema of an object; the console's form is made from it.
    pub parameters: Value,
    /// Names of secrets that it looks for, and what they are.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub outputs: BTreeMap<String, Output>,
    /// Which outputs there are besides depends on the parameters.
    #[serde(default)]
    pub more_outputs: bool,
}

/// What it can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing.
    None,
    /// The services of its own deployment.
    Deployment,
    /// Its own deployment, and whatever deployments may reach outside.
    Internet,
}

impl Network {
    /// The engine's network that an attempt is attached to.
    #[must_use]
    pub fn of(self, deployment: &Networks) -> Option<String> {
        match self {
            Self::None => None,
            Self::Deployment => deployment.inside.clone(),
            Self::Internet => Some(deployment.outside.clone()),
        }
    }
}

/// What it may use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub memory_mb: u32,
    /// In cores.
    pub cpu: f64,
    pub pids: u32,
    /// Of `/tmp`, the only place where it can write; counts as memory.
    pub scratch_mb: u32,
}

/// Something that it leaves for later steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub description: String,
    /// Whether the value must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// The manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("plugin.yaml cannot be read: {0}")]
    Syntax(#[source] serde_norway::Error),
    #[error("plugin.yaml: `{field}` {problem}")]
    Field { field: String, problem: String },
}

const fn default_timeout_s() -> u32 {
    DEFAULT_TIMEOUT_S
}

impl Default for Limits {
    fn default() -> Self {
        let plugin::Limits { memory_mb, cpu, pids, scratch_mb } = plugin::Limits::default();
        Self { memory_mb, cpu, pids, scratch_mb }
    }
}

impl Limits {
    /// What a step is run with.
    #[must_use]
    pub const fn of_step(&self) -> plugin::Limits {
        let Self { memory_mb, cpu, pids, scratch_mb } = *self;
        plugin::Limits { memory_mb, cpu, pids, scratch_mb }
    }
}

impl Manifest {
    /// Reads and checks a `plugin.yaml`.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = serde_norway::from_str(text).map_err(ManifestError::Syntax)?;
        manifest.check()?;
        Ok(manifest)
    }

    #[must_use]
    pub fn destroys(&self) -> bool {
        self.actions.contains(&Action::Destroy)
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.into())
    }

    fn check(&self) -> Result<(), ManifestError> {
        let wrong = |field: &str, problem: &str| {
            Err(ManifestError::Field { field: field.to_owned(), problem: problem.to_owned() })
        };
        if !is_label(&self.name) {
            return wrong("name", "must be a-z, 0-9 and single `-`, at most 63 characters");
        }
        let parts: Vec<_> = self.version.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.len() != 3 || !parts.iter().all(is_number) {
            return wrong("version", "must be three numbers, such as 1.0.0");
        }
        if self
            .image
            .rsplit_once(':')
            .is_none_or(|(repository, tag)| repository.is_empty() || tag.contains('/'))
        {
            return wrong(
                "image",
                "must be a repository and a tag: a pipeline's version runs the same for ever",
            );
        }
        if !self.actions.contains(&Action::Create) {
            return wrong("actions", "must name `create`");
        }
        if !(1..=3_600).contains(&self.timeout_s) {
            return wrong("timeout_s", "must be 1 to 3600 seconds");
        }
        let Limits { memory_mb, cpu, pids, scratch_mb } = self.limits;
        if !(16..=1_048_576).contains(&memory_mb) {
            return wrong("limits.memory_mb", "must be 16 to 1048576 MiB");
        }
        if !(0.05..=256.0).contains(&cpu) {
            return wrong("limits.cpu", "must be 0.05 to 256 cores");
        }
        if !(8..=32_768).contains(&pids) {
            return wrong("limits.pids", "must be 8 to 32768 processes");
        }
        if !(1..=memory_mb).contains(&scratch_mb) {
            return wrong(
                "limits.scratch_mb",
                "must be at least 1 MiB and at most the memory, of which it is a part",
            );
        }
        if self.parameters.get("type").and_then(Value::as_str) != Some("object") {
            return wrong("parameters", "must be a JSON Schema of `type: object`");
        }
        match self.outputs.keys().find(|name| !is_identifier(name)) {
            Some(name) => wrong(
                &format!("outputs.{name}"),
                "must be letters, digits, `_` and `-`, not starting with a digit",
            ),
            None => Ok(()),
        }
    }
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = "name: a\nversion: 1.0.0\nimage: a:1\ndescription: A.\nactions: [create]\nnetwork: none\nparameters: {type: object}\n";

    #[test]
    fn what_is_left_out_has_a_default() {
        let manifest = Manifest::parse(SMALLEST).unwrap();
        assert_eq!((manifest.timeout_s, manifest.destroys(), manifest.limits.memory_mb), (300, false, 256));
        let of_step = manifest.limits.of_step();
        assert_eq!(of_step, plugin::Limits::default());
    }

    #[test]
    fn every_mistake_names_its_field() {
        for (from, to, told) in [
            ("name: a", "name: A", "`name` must be a-z"),
            ("1.0.0", "1.0", "`version` must be three numbers"),
            ("image: a:1", "image: a", "`image` must be a repository and a tag"),
            ("[create]", "[destroy]", "`actions` must name `create`"),
            ("network: none", "network: host", "unknown variant `host`"),
            ("network: none", "network: none\ntimeout_s: 0", "`timeout_s` must be"),
            ("network: none", "network: none\nlimits: {pids: 1}", "`limits.pids` must be"),
            ("network: none", "network: none\nlimits: {memory_mb: 16}", "`limits.scratch_mb` must be"),
            ("network: none", "network: none\nprivileged: true", "unknown field `privileged`"),
            ("{type: object}", "{type: string}", "`parameters` must be a JSON Schema"),
            ("{type: object}", "{type: object}\noutputs: {a b: {description: x}}", "`outputs.a b` must be"),
        ] {
            let error = Manifest::parse(&SMALLEST.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
