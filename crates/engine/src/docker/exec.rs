//! Commands inside of a running container.
//!
//! The engine cannot end a command that it executes, so one that takes too long is killed by its process id: this driver runs
//! on the engine's host anyway.

use std::time::Duration;

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use super::{
    DockerEngine,
    call::{Call, classify, path_part},
};
use crate::{
    error::{Error, Object, Result},
    state::{ContainerId, Executed, MAX_EXECUTED_OUTPUT},
};

const DOING: &str = "executing a command in a container";

impl DockerEngine {
    pub(super) async fn container_exec(
        &self,
        id: &ContainerId,
        command: &[String],
        within: Duration,
    ) -> Result<Executed> {
        let call = Call::on(DOING, Object::Container, id.as_str());
        let name = path_part(Object::Container, id.as_str())?;
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let created = self.quick(DOING, async {
            self.docker.create_exec(name, options).await.map_err(|error| classify(error, call))
        });
        let exec = created.await?.id;
        match tokio::time::timeout(within, Box::pin(self.exec_output(&exec, call))).await {
            Ok(output) => {
                let output = output?;
                let found = self.exec_inspect(&exec, call).await?;
                Ok(Executed { code: found.exit_code.unwrap_or(-1), output })
            }
            Err(_) => {
                self.exec_kill(&exec, call).await?;
                Err(Error::Timeout { operation: DOING, after: within })
            }
        }
    }

    /// All of the output is read, or the command would wait for its reader; its beginning is kept.
    async fn exec_output(&self, exec: &str, call: Call<'_>) -> Result<Bytes> {
        let started = self.docker.start_exec(exec, None::<StartExecOptions>).await;
        let mut kept = BytesMut::new();
        if let StartExecResults::Attached { mut output, .. } =
            started.map_err(|error| classify(error, call))?
        {
            while let Some(frame) = output.next().await {
                let bytes = frame.map_err(|error| classify(error, call))?.into_bytes();
                let room = MAX_EXECUTED_OUTPUT.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
        Ok(kept.freeze())
    }

    async fn exec_inspect(&self, exec: &str, call: Call<'_>) -> Result<bollard::models::ExecInspectResponse> {
        let asking = async { self.docker.inspect_exec(exec).await.map_err(|error| classify(error, call)) };
        self.quick(DOING, asking).await
    }

    async fn exec_kill(&self, exec: &str, call: Call<'_>) -> Result<()> {
        let found = self.exec_inspect(exec, call).await?;
        let pid = found.pid.filter(|_| found.running == Some(true)).and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
            && let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::KILL)
        {
            // It ended in between, or the agent may not: then it goes with its container.
            tracing::debug!(%error, "a command that took too long was not killed");
        }
        Ok(())
    }
}
