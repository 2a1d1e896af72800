//! What a plugin reads from its standard input.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of the contract.
const VERSION: u32 = 1;
/// More than any form holds, and little enough to be kept in memory for many plugins at once.
pub const MAX_INPUT_BYTES: usize = 4 << 20;

/// What a plugin is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make it so; what is so already is success.
    Create,
    /// Undo what `create` made, as far as it came; what is gone already is success.
    Destroy,
}

impl Action {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Destroy => "destroy",
        }
    }
}

/// Everything a plugin is told.
#[derive(Clone, PartialEq, Serialize)]
pub struct Input {
    pub action: Action,
    /// The same for every attempt at the same thing.
    pub idempotency_key: String,
    pub deployment: DeploymentInput,
    pub step: StepInput,
    /// As the manifest's schema says, with every reference resolved.
    pub parameters: Map<String, Value>,
    pub secrets: BTreeMap<String, String>,
    /// What earlier steps left, by their ids. A `destroy` also finds here, under its own id, what its `create` left; nothing if
    /// that did not end well.
    pub outputs: BTreeMap<String, Map<String, Value>>,
}

/// The deployment that a plugin works for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentInput {
    pub id: String,
    pub project: String,
    pub environment: String,
    pub slot: String,
    /// The network that its services are on, as the engine calls it; `None` when the plugin has no network.
    pub network: Option<String>,
}

/// The step that a plugin is run for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepInput {
    /// What references and outputs call it.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// The input does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "its parameters, secrets and the outputs of earlier steps are {bytes} bytes together, and a plugin is told at most \
     {MAX_INPUT_BYTES}: pass a place where the data lies instead of the data"
)]
pub struct InputTooLarge {
    pub bytes: usize,
}

impl Input {
    /// The bytes for standard input: one JSON object and a line break.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InputTooLarge> {
        #[derive(Serialize)]
        struct Versioned<'i> {
            version: u32,
            #[serde(flatten)]
            input: &'i Input,
        }
        // Strings, numbers and maps with text keys: this cannot fail. An empty text would be refused by every plugin.
        let mut bytes = serde_json::to_vec(&Versioned { version: VERSION, input: self }).unwrap_or_default();
        bytes.push(b'\n');
        if bytes.len() > MAX_INPUT_BYTES {
            return Err(InputTooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }
}

/// Names only: parameters and outputs may hold secrets, too.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("action", &self.action)
            .field("idempotency_key", &self.idempotency_key)
            .field("deployment", &self.deployment)
            .field("step", &self.step)
            .field("parameters", &self.parameters.keys())
            .field("secrets", &self.secrets.keys())
            .field("outputs", &self.outputs.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input() -> Input {
        Input {
            action: Action::Destroy,
            idempotency_key: "3x9mq2p7ab/db/destroy".into(),
            deployment: DeploymentInput {
                id: "3x9mq2p7ab".into(),
                project: "shop".into(),
                environment: "local".into(),
                slot: "qa".into(),
                network: None,
            },
            step: StepInput { id: "db".into(), name: "Database".into() },
            parameters: json!({"name": "O'Brien\n\"; --"}).as_object().cloned().unwrap(),
            secrets: [("PASSWORD".to_owned(), "hunter2".to_owned())].into(),
            outputs: [("db".to_owned(), Map::new())].into(),
        }
    }

    #[test]
    fn it_is_one_line_in_the_published_shape() {
        let bytes = input().to_bytes().unwrap();
        assert_eq!(bytes.iter().filter(|&&byte| byte == b'\n').count(), 1, "hostile text stays inside");
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let expected = json!({
            "version": 1,
            "action": "destroy",
            "idempotency_key": "3x9mq2p7ab/db/destroy",
            "deployment": {
                "id": "3x9mq2p7ab", "project": "shop", "environment": "local", "slot": "qa", "network": null
            },
            "step": {"id": "db", "name": "Database"},
            "parameters": {"name": "O'Brien\n\"; --"},
            "secrets": {"PASSWORD": "hunter2"},
            "outputs": {"db": {}},
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn values_are_not_in_debug_output() {
        let text = format!("{:?}", input());
        assert!(text.contains("PASSWORD") && !text.contains("hunter2") && !text.contains("Brien"), "{text}");
    }

    #[test]
    fn what_is_too_large_is_refused_with_its_size() {
        let mut input = input();
        input.parameters.insert("data".into(), "x".repeat(MAX_INPUT_BYTES).into());
        let refused = input.to_bytes().unwrap_err();
        assert!(refused.bytes > MAX_INPUT_BYTES && refused.to_string().contains(&refused.bytes.to_string()));
    }
}
