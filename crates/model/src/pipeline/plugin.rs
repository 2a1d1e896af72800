//! What an admin registered a plugin as, and how its parameters are checked.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::definition::{NetworkAccess, Resources};
use super::image::ImageReference;
use super::name::OutputName;

/// What one attempt of a plugin may take, unless it or its step says otherwise.
pub const DEFAULT_TIMEOUT_S: u32 = 300;

/// A registered plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginDeclaration {
    pub name: String,
    /// Without tag and digest: `ghcr.io/pierhead/run-sql`.
    pub repository: String,
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its parameters; the console's form is made from it.
    pub schema: serde_json::Value,
    /// What it leaves for later steps; `None` when that is not known before it ran.
    #[serde(default)]
    pub outputs: Option<BTreeSet<OutputName>>,
    /// Whether it is also asked to undo what it made.
    #[serde(default)]
    pub destroys: bool,
    pub timeout_s: u32,
    /// The most a step may ask for, and what it gets without asking.
    pub network: NetworkAccess,
    #[serde(default)]
    pub resources: Resources,
}

/// The registered plugins.
pub trait Plugins {
    /// The plugin that an image is, by its repository.
    fn plugin(&self, image: &ImageReference) -> Option<&PluginDeclaration>;
}

impl Plugins for [PluginDeclaration] {
    fn plugin(&self, image: &ImageReference) -> Option<&PluginDeclaration> {
        self.iter().find(|plugin| plugin.repository == image.repository())
    }
}

impl Plugins for Vec<PluginDeclaration> {
    fn plugin(&self, image: &ImageReference) -> Option<&PluginDeclaration> {
        self.as_slice().plugin(image)
    }
}

/// A value that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// A JSON pointer into the value: `/connection/port`; empty for the whole.
    pub pointer: String,
    pub message: String,
}

/// Checks values against JSON Schemas. The checker lives outside of this crate, because a complete one is large; missing and
/// unknown parameters are found without it.
pub trait SchemaCheck {
    fn mismatches(&self, schema: &serde_json::Value, value: &serde_json::Value) -> Vec<Mismatch>;
}

/// Finds nothing beyond what this crate finds by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchemaCheck;

impl SchemaCheck for NoSchemaCheck {
    fn mismatches(&self, _: &serde_json::Value, _: &serde_json::Value) -> Vec<Mismatch> {
        Vec::new()
    }
}
