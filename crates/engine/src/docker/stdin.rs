//! Standard input of a container.

use bollard::query_parameters::AttachContainerOptions;

use super::{
    DockerEngine,
    call::{Call, classify, path_part},
};
use crate::{
    engine::StdinWriter,
    error::{Object, Result},
    state::ContainerId,
};

impl DockerEngine {
    /// Attaches only the input. The half that would carry output is dropped: output is read from the log, which
    /// survives whoever attached.
    pub(super) async fn container_stdin(&self, id: &ContainerId) -> Result<StdinWriter> {
        let call = Call::on("attaching standard input", Object::Container, id.as_str());
        let name = path_part(Object::Container, id.as_str())?;
        let options = AttachContainerOptions { stdin: true, stream: true, ..Default::default() };
        let attached = self.docker.attach_container(name, Some(options)).await;
        Ok(attached.map_err(|error| classify(error, call))?.input)
    }
}
