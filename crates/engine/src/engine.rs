//! The port: what every driver does, and what some can do besides.
//!
//! Calls take ids of containers and names of everything else. Whatever an object is called in an error is what
//! the caller called it. A driver bounds every call by a time of its own (see the crate's rules).

use std::{fmt::Debug, net::SocketAddr, pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use tokio::io::AsyncWrite;

use crate::{
    error::Result,
    image::{BuildOptions, BuildStream, Image, ImageId, ImageSummary, ImportOptions, RegistryLogin},
    log::{Follow, LogCursor, LogStream},
    session::Sessions,
    spec::{ContainerSpec, Labels, NetworkSpec, VolumeSpec},
    state::{
        Container, ContainerId, ContainerSummary, Created, EngineInfo, Executed, Exit, Network, Removal,
        Stats, Volume,
    },
};

/// Bytes from the engine (a tar archive, as a rule).
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Bytes for the engine. An error in it aborts the call.
pub type ByteSource = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A container's standard input; shutting it down (or dropping it) is its end-of-file.
pub type StdinWriter = Pin<Box<dyn AsyncWrite + Send>>;

#[async_trait]
pub trait Engine: Send + Sync + Debug {
    async fn info(&self) -> Result<EngineInfo>;

    /// Creates a container; one of that name and the same spec is returned as it is, whatever its state.
    ///
    /// Fails with `NameTaken` (another spec), `NoSuchImage`, `NotFound` (network, volume), `Refused` (invalid).
    async fn create(&self, spec: &ContainerSpec) -> Result<Created>;

    /// Starts a created or exited container. A running one is left alone.
    ///
    /// Fails with `Refused` when its command cannot be executed.
    async fn start(&self, id: &ContainerId) -> Result<()>;

    /// Sends the stop signal, waits `grace` (whole seconds, rounded up), kills what is left. Returns when the
    /// container has ended; one that does not run is left alone.
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<()>;

    /// Kills every process of the container, not only the first. One that does not run is left alone.
    async fn kill(&self, id: &ContainerId) -> Result<()>;

    /// Removes it with its anonymous volumes. An absent one is success.
    async fn remove(&self, id: &ContainerId, how: Removal) -> Result<()>;

    async fn inspect(&self, id: &ContainerId) -> Result<Container>;

    /// The container with exactly this name.
    async fn find(&self, name: &str) -> Result<Option<Container>>;

    /// Containers in any state that carry all these labels.
    async fn list(&self, labels: &Labels) -> Result<Vec<ContainerSummary>>;

    /// Waits until the container has ended, however long; at once when it has. A created one must be started.
    async fn wait(&self, id: &ContainerId) -> Result<Exit>;

    /// What the container wrote after `from`, until now or (followed) until it ends. A followed log that ends or
    /// fails while the container still runs was cut, as by a restart of the engine: open it again with the last
    /// cursor.
    async fn logs(&self, id: &ContainerId, from: LogCursor, follow: Follow) -> Result<LogStream>;

    /// A sample of a running container; `Conflict` when it does not run.
    async fn stats(&self, id: &ContainerId) -> Result<Stats>;

    /// Standard input of a container whose spec asks for it. Open it before the start, write after it; once.
    async fn open_stdin(&self, id: &ContainerId) -> Result<StdinWriter>;

    /// Runs a command inside of a running container, beside its main process and under the same limits, and waits for its end.
    /// It has no standard input.
    ///
    /// Fails with `Conflict` when the container does not run, and with `Timeout` after `within`: the command is killed then.
    /// One that cannot be executed ends with 126 or 127.
    async fn exec(&self, id: &ContainerId, command: &[String], within: Duration) -> Result<Executed>;

    /// A tar archive of `path`, the file or the directory, named by its last component. Entries are as hostile
    /// as what ran in the container. Stop the container first: a running one can swap paths under the engine.
    async fn copy_out(&self, id: &ContainerId, path: &str) -> Result<ByteStream>;

    async fn image_inspect(&self, reference: &str) -> Result<Image>;

    /// Images that carry all these labels.
    async fn image_list(&self, labels: &Labels) -> Result<Vec<ImageSummary>>;

    /// An absent image is success; `Conflict` when a container needs it.
    async fn image_remove(&self, reference: &str, how: Removal) -> Result<()>;

    async fn image_tag(&self, reference: &str, tag: &str) -> Result<()>;

    /// Makes an image of one layer from a tar of a root file system.
    async fn image_import(&self, root: ByteSource, options: &ImportOptions) -> Result<ImageId>;

    /// Has the engine fetch an image from its registry; one that is there already is looked for again, as its tag may have
    /// moved.
    ///
    /// Fails with `NotFound` (no such image, or not for this login) and `Unavailable` (the registry does not answer).
    async fn image_pull(&self, reference: &str, login: Option<&RegistryLogin>) -> Result<()>;

    /// Builds from a tar of the context. The stream must be read; dropping it cancels the build.
    async fn image_build(&self, context: ByteSource, options: &BuildOptions) -> Result<BuildStream>;

    /// An archive of the images that [`Engine::image_load`] takes.
    async fn image_save(&self, references: &[&str]) -> Result<ByteStream>;

    /// Loads an archive made by [`Engine::image_save`] or one of the same format.
    async fn image_load(&self, archive: ByteSource) -> Result<()>;

    /// Creates a network; one of that name and the same spec is success.
    ///
    /// Fails with `NameTaken` or `SubnetOverlap`.
    async fn network_create(&self, spec: &NetworkSpec) -> Result<()>;

    /// An absent network is success; `Conflict` while running containers are attached.
    async fn network_remove(&self, name: &str) -> Result<()>;

    async fn network_inspect(&self, name: &str) -> Result<Network>;

    async fn network_list(&self, labels: &Labels) -> Result<Vec<Network>>;

    /// Creates a volume; one of that name and the same spec is success, another is `NameTaken`.
    async fn volume_create(&self, spec: &VolumeSpec) -> Result<()>;

    /// An absent volume is success; `Conflict` while a container, running or not, mounts it.
    async fn volume_remove(&self, name: &str) -> Result<()>;

    async fn volume_list(&self, labels: &Labels) -> Result<Vec<Volume>>;

    /// Says where a container listens, if this driver can see that.
    fn listening(&self) -> Option<&dyn Listening> {
        None
    }

    /// Freezes and thaws, if this driver can.
    fn freeze(&self) -> Option<&dyn Freeze> {
        None
    }

    /// Runs commands that somebody talks to, if this driver can.
    fn sessions(&self) -> Option<&dyn Sessions> {
        None
    }
}

/// A driver that sees into a container's network namespace.
#[async_trait]
pub trait Listening: Send + Sync {
    /// The TCP sockets that listen inside the container, sorted; `0.0.0.0` and `::` as they are.
    async fn sockets(&self, id: &ContainerId) -> Result<Vec<SocketAddr>>;
}

/// A driver that stops a container's processes in place and lets them go on.
#[async_trait]
pub trait Freeze: Send + Sync {
    /// Idempotent; `Conflict` when the container does not run.
    async fn freeze(&self, id: &ContainerId) -> Result<()>;

    /// Idempotent; `Conflict` when the container does not run.
    async fn thaw(&self, id: &ContainerId) -> Result<()>;
}
