//! What survives a restart: the run, and what its steps left for each other.
//!
//! What steps leave may be secret (a connection string with its password), so it is sealed with a key that only the control
//! plane keeps: after a restart nobody can read it before the control plane has told the key again. Until then it stays as it is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pierhead_model::id::DeploymentId;
use pierhead_model::pipeline::StepName;
use pierhead_model::release::Release;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::durable;
use crate::executor::Run;
use crate::node::Node;

/// What steps left, by step.
pub(super) type Outputs = BTreeMap<StepName, Map<String, Value>>;

/// Everything that is known of a run.
#[derive(Debug, Clone)]
pub(super) struct Notes {
    pub(super) state: pierhead_model::run::Run,
    pub(super) outputs: Outputs,
    /// What build steps made.
    pub(super) builds: BTreeMap<StepName, Release>,
}

/// The same, as it is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    state: pierhead_model::run::Run,
    /// Nonce and sealed text, in base64. Empty when there was never a key: a run without plugins leaves nothing for others.
    outputs: String,
    builds: BTreeMap<StepName, Release>,
}

/// Where the notes of a run are, and the key that opens them.
pub(super) struct Notebook {
    path: PathBuf,
    key: Option<LessSafeKey>,
    /// What was read and could not be opened.
    unopened: String,
}

/// Shows no key.
impl std::fmt::Debug for Notebook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notebook").field("path", &self.path).finish_non_exhaustive()
    }
}

pub(super) fn path_of(node: &Node, deployment: &DeploymentId) -> PathBuf {
    node.layout.runs().join(format!("{deployment}.json"))
}

impl Notebook {
    /// `key` is 32 bytes in base64. Without one, outputs are neither read nor changed.
    pub(super) fn open(run: &Run, key: Option<&str>) -> std::io::Result<Self> {
        let key = match key {
            Some(text) => {
                let bytes = STANDARD.decode(text).map_err(std::io::Error::other)?;
                Some(UnboundKey::new(&AES_256_GCM, &bytes).map_err(std::io::Error::other)?)
            }
            None => None,
        };
        let path = path_of(&run.node, &run.id);
        Ok(Self { path, key: key.map(LessSafeKey::new), unopened: String::new() })
    }

    pub(super) async fn read(&mut self) -> std::io::Result<Option<Notes>> {
        let path = self.path.clone();
        let Some(written) = durable::blocking(move || durable::read_json::<Written>(&path)).await? else {
            return Ok(None);
        };
        let Written { state, outputs, builds } = written;
        let opened = self.unseal(&outputs)?;
        self.unopened = outputs;
        Ok(Some(Notes { outputs: opened, state, builds }))
    }

    /// Durable when it returns.
    pub(super) async fn write(&self, notes: &Notes) -> std::io::Result<()> {
        let written = Written {
            state: notes.state.clone(),
            outputs: self.seal(&notes.outputs)?,
            builds: notes.builds.clone(),
        };
        durable::write_json(self.path.clone(), &written).await
    }

    /// Sealed with the run's key; what was read, when the key is not known.
    pub(super) fn seal(&self, outputs: &Outputs) -> std::io::Result<String> {
        let Some(key) = &self.key else { return Ok(self.unopened.clone()) };
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = serde_json::to_vec(outputs)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(std::io::Error::other)?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Nothing, when the key is not known.
    pub(super) fn unseal(&self, text: &str) -> std::io::Result<Outputs> {
        let Some(key) = self.key.as_ref().filter(|_| !text.is_empty()) else { return Ok(Outputs::new()) };
        let bytes = STANDARD.decode(text).map_err(std::io::Error::other)?;
        let (nonce, sealed) = bytes
            .split_at_checked(NONCE_LEN)
            .ok_or_else(|| std::io::Error::other("the notes of a run were cut"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(std::io::Error::other)?;
        let mut sealed = sealed.to_vec();
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).map_err(|_| {
            std::io::Error::other(
                "the notes of a run do not open: another key was used, or they were changed",
            )
        })?;
        Ok(serde_json::from_slice(plain)?)
    }
}
