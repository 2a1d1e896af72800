//! The keys that secrets are sealed with.

use axum::Json as Answer;
use axum::extract::State;
use pierhead_control::KeysView;
use serde::Serialize;
use utoipa::ToSchema;

use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::problem::Problem;

/// What secrets are sealed with. Nothing here opens anything.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    /// The name of the master key, which wraps the data keys: `local:` and some letters, or `vault:` and where it is there.
    #[schema(example = "local:9f86d081884c7d65")]
    master: String,
    /// Oldest first. The last one seals what is stored from now on; the others open what is there.
    data_keys: Vec<DataKey>,
}

/// A key that secrets are sealed with. It is in the database, wrapped by the master key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DataKey {
    id: u32,
    created_at: Time,
}

impl From<KeysView> for Keys {
    fn from(view: KeysView) -> Self {
        let key =
            |key: pierhead_control::DataKeyView| DataKey { id: key.id, created_at: key.created_at.into() };
        Self { master: view.master, data_keys: view.data_keys.into_iter().map(key).collect() }
    }
}

/// Show the keys that secrets are sealed with
///
/// For administrators.
#[utoipa::path(get, path = "/keys", operation_id = "keys_get", tag = "platform",
    responses((status = 200, description = "Their names", body = Keys)))]
pub(crate) async fn get(State(app): State<Shared>, caller: Caller) -> Result<Answer<Keys>, Problem> {
    Ok(Answer(app.services.keys.show(&caller.principal).await?.into()))
}

/// Exchange the master key
///
/// For administrators. Every data key is wrapped by the master key that follows, and a new one seals what is stored from now on.
/// A key in the data directory is followed by a new one; one in a file of yours by what the file holds now; one in Vault by its
/// newest version there. Nothing is stopped for it. When it was cut, ask again.
#[utoipa::path(post, path = "/keys/rotate", operation_id = "keys_rotate", tag = "platform",
    responses((status = 200, description = "Exchanged", body = Keys),
        (status = 409, description = "There is no other key to take"),
        (status = 503, description = "Vault cannot be asked")))]
pub(crate) async fn rotate(State(app): State<Shared>, caller: Caller) -> Result<Answer<Keys>, Problem> {
    Ok(Answer(app.services.keys.rotate(&caller.principal).await?.into()))
}
