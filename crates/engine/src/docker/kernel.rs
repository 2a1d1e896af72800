//! What the kernel knows about a running container: its counters, its sockets, its freezer.

use std::net::SocketAddr;

use async_trait::async_trait;

use super::{DockerEngine, sockets};
use crate::{
    cgroup::{Cgroup, Frozen},
    engine::{Freeze, Listening},
    error::{Error, Object, Result},
    state::{ContainerId, State, Stats},
};

impl DockerEngine {
    pub(super) async fn container_stats(&self, id: &ContainerId) -> Result<Stats> {
        let (pid, limit) = self.running(id).await?;
        let mut stats = self.in_cgroup(id, pid, |group| group.stats()).await?;
        if stats.memory_limit == 0 || limit > 0 {
            stats.memory_limit = limit;
        }
        Ok(stats)
    }

    /// Thaws a frozen container, which would otherwise not die. `false`: it does not run.
    pub(super) async fn thaw_if_frozen(&self, id: &ContainerId) -> Result<bool> {
        let Some(pid) = self.container_inspect(id.as_str()).await?.state.pid() else { return Ok(false) };
        // Written only when needed: an agent without root may look, but not write.
        let thaw = |group: &Cgroup| match group.frozen()? {
            Frozen::Yes => group.set_frozen(Frozen::No),
            Frozen::No => Ok(()),
        };
        match self.in_cgroup(id, pid, thaw).await {
            Ok(()) => Ok(true),
            // It ended in between.
            Err(Error::Conflict { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn running(&self, id: &ContainerId) -> Result<(u32, u64)> {
        let found = self.container_inspect(id.as_str()).await?;
        match found.state {
            State::Running { pid, .. } | State::Paused { pid, .. } => Ok((pid, found.memory_limit)),
            State::Created | State::Exited(_) | State::Dead => Err(not_running(id)),
        }
    }

    /// Runs a question to the container's cgroup where blocking is allowed.
    async fn in_cgroup<T: Send + 'static>(
        &self,
        id: &ContainerId,
        pid: u32,
        ask: impl FnOnce(&Cgroup) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (roots, name) = (self.roots.clone(), id.clone());
        let ask = move || ask(&Cgroup::of_container(&roots, pid, name.as_str())?);
        let asked = tokio::task::spawn_blocking(ask).await;
        self.settle(id, asked, "reading a container's cgroup")
    }

    fn settle<T>(
        &self,
        id: &ContainerId,
        asked: std::result::Result<std::io::Result<T>, tokio::task::JoinError>,
        operation: &'static str,
    ) -> Result<T> {
        let failed =
            |error: std::io::Error| Error::Other { operation, cause: Some(std::sync::Arc::new(error)) };
        match asked {
            Ok(Ok(value)) => Ok(value),
            // The process and its cgroup went away while we looked: ENOENT, or ENODEV/ESRCH on an open file.
            Ok(Err(error))
                if error.kind() == std::io::ErrorKind::NotFound
                    || matches!(error.raw_os_error(), Some(3 | 19)) =>
            {
                Err(not_running(id))
            }
            Ok(Err(error)) => Err(failed(error)),
            Err(error) => Err(failed(error.into())),
        }
    }
}

fn not_running(id: &ContainerId) -> Error {
    Error::conflict(Object::Container, id.as_str(), "it does not run")
}

#[async_trait]
impl Listening for DockerEngine {
    async fn sockets(&self, id: &ContainerId) -> Result<Vec<SocketAddr>> {
        self.quick("looking for listening sockets", async {
            let (pid, _) = self.running(id).await?;
            let roots = self.roots.clone();
            let asked = tokio::task::spawn_blocking(move || sockets::listening(&roots.proc, pid)).await;
            self.settle(id, asked, "reading a container's sockets")
        })
        .await
    }
}

#[async_trait]
impl Freeze for DockerEngine {
    async fn freeze(&self, id: &ContainerId) -> Result<()> {
        self.quick("freezing a container", async {
            let (pid, _) = self.running(id).await?;
            self.in_cgroup(id, pid, |group| group.set_frozen(Frozen::Yes)).await
        })
        .await
    }

    async fn thaw(&self, id: &ContainerId) -> Result<()> {
        self.quick("thawing a container", async {
            let (pid, _) = self.running(id).await?;
            self.in_cgroup(id, pid, |group| group.set_frozen(Frozen::No)).await
        })
        .await
    }
}
