//! The tests every driver must pass, on whatever a [`Lab`] gives: `tests/docker.rs` and `tests/simulated.rs`.
//!
//! Each test names its objects after itself and labels them; a lab removes what carries its label before and
//! after. What a container does is a script of [`Act`]s, played by the probe program or by the simulation.

pub(crate) mod build;
pub(crate) mod containers;
pub(crate) mod files;
pub(crate) mod limits;
pub(crate) mod logs;
pub(crate) mod networks;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use ipnet::Ipv4Net;
use pierhead_engine::{
    Engine, Error,
    log::{Follow, LogChunk, LogCursor},
    simulated::Act,
    spec::{ContainerSpec, Labels, Limits, NetworkMode, NetworkSpec, Profile},
    state::{ContainerId, Exit, Removal},
};

pub(crate) const MIB: u64 = 1 << 20;

/// More than any step takes on a busy machine; only a broken driver gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Command = dyn Fn(&[Act]) -> Vec<String> + Send + Sync;

/// An engine with an image whose program plays scripts.
pub(crate) struct Lab {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) image: String,
    /// Unique to this lab, the beginning of every name.
    pub(crate) prefix: String,
    pub(crate) labels: Labels,
    /// Makes the command that plays a script.
    pub(crate) command: Box<Command>,
    /// The second byte of the lab's subnets, so that labs do not collide.
    pub(crate) subnets: u8,
}

impl Lab {
    pub(crate) fn spec(&self, name: &str, acts: &[Act]) -> ContainerSpec {
        let limits = Limits::new(64 * MIB, 1000, 64);
        let name = format!("{}-{name}", self.prefix);
        let mut spec = ContainerSpec::new(name, &self.image, Profile::Service, limits);
        spec.command = Some((self.command)(acts));
        spec.labels = self.labels.clone();
        spec
    }

    pub(crate) async fn create(&self, spec: &ContainerSpec) -> ContainerId {
        self.engine.create(spec).await.expect("created").id
    }

    pub(crate) async fn start(&self, spec: &ContainerSpec) -> ContainerId {
        let id = self.create(spec).await;
        self.engine.start(&id).await.expect("started");
        id
    }

    pub(crate) async fn wait(&self, id: &ContainerId) -> Exit {
        tokio::time::timeout(PATIENCE, self.engine.wait(id)).await.expect("ended in time").expect("waited")
    }

    /// Runs a script to its end: how it ended and what it wrote.
    pub(crate) async fn run(&self, spec: &ContainerSpec) -> (Exit, String) {
        let id = self.start(spec).await;
        let exit = self.wait(&id).await;
        let text = text(&self.log(&id, LogCursor::default()).await);
        (exit, text)
    }

    pub(crate) async fn log(&self, id: &ContainerId, from: LogCursor) -> Vec<LogChunk> {
        let stream = self.engine.logs(id, from, Follow::No).await.expect("opened");
        tokio::time::timeout(PATIENCE, stream.try_collect()).await.expect("read in time").expect("read")
    }

    /// Waits until a running container has written this.
    pub(crate) async fn until_it_says(&self, id: &ContainerId, words: &str) {
        let mut stream = self.engine.logs(id, LogCursor::default(), Follow::Yes).await.expect("opened");
        let mut said = String::new();
        let reading = async {
            while let Some(chunk) = stream.try_next().await.expect("read") {
                said.push_str(&String::from_utf8_lossy(&chunk.bytes));
                if said.contains(words) {
                    return;
                }
            }
            panic!("the log ended without `{words}`: {said}");
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("said in time");
    }

    pub(crate) fn network(&self, name: &str, third: u8) -> NetworkSpec {
        NetworkSpec {
            name: format!("{}-{name}", self.prefix),
            labels: self.labels.clone(),
            subnet: Ipv4Net::new(Ipv4Addr::new(10, self.subnets, third, 0), 28).expect("valid"),
            internal: false,
        }
    }

    /// Removes everything with the lab's labels, in the order of their dependence.
    pub(crate) async fn sweep(&self) {
        for found in self.engine.list(&self.labels).await.expect("listed") {
            self.engine.remove(&found.id, Removal::Force).await.expect("removed");
        }
        for found in self.engine.network_list(&self.labels).await.expect("listed") {
            self.engine.network_remove(&found.name).await.expect("removed");
        }
        for found in self.engine.volume_list(&self.labels).await.expect("listed") {
            self.engine.volume_remove(&found.name).await.expect("removed");
        }
        // Images built on others go first; the engine knows the order, so each round removes what it lets go.
        loop {
            let found = self.engine.image_list(&self.labels).await.expect("listed");
            let mut removed = 0;
            for image in &found {
                match self.engine.image_remove(image.id.as_str(), Removal::Force).await {
                    Ok(()) => removed += 1,
                    Err(Error::Conflict { .. }) => {}
                    Err(error) => panic!("{} stays: {error}", image.id),
                }
            }
            if found.is_empty() {
                return;
            }
            assert!(removed > 0, "nothing lets go of {found:?}");
        }
    }
}

pub(crate) fn text(chunks: &[LogChunk]) -> String {
    chunks.iter().map(|chunk| String::from_utf8_lossy(&chunk.bytes)).collect()
}

pub(crate) fn on(network: &NetworkSpec, alias: &str) -> NetworkMode {
    NetworkMode::Named { network: network.name.clone(), aliases: vec![alias.to_owned()] }
}

/// Declares one `#[tokio::test]` per contract, each with a lab of its own from `$lab(name)`;
/// the modules are found where it is used.
#[macro_export]
macro_rules! contract {
    ($lab:path, $attribute:meta: $($module:ident::$test:ident),* $(,)?) => {
        $(
            #[$attribute]
            async fn $test() {
                let lab = $lab(stringify!($test)).await;
                let ran = std::panic::AssertUnwindSafe($module::$test(&lab));
                let ran = futures::FutureExt::catch_unwind(ran).await;
                lab.sweep().await;
                if let Err(panic) = ran {
                    std::panic::resume_unwind(panic);
                }
            }
        )*
    };
}

/// The whole suite; its modules must be imported.
#[macro_export]
macro_rules! whole_contract {
    ($lab:path, $attribute:meta) => {
        $crate::contract! { $lab, $attribute:
            containers::codes_of_exit,
            containers::creation_is_idempotent_by_name,
            containers::a_missing_image_network_or_volume_is_named,
            containers::removal_is_idempotent_and_careful,
            containers::a_graceful_stop,
            containers::a_stubborn_container_is_killed_after_the_grace,
            containers::kill_ends_everything,
            containers::lists_filter_by_label,
            containers::standard_input,
            containers::a_restart_runs_it_again,
            containers::what_does_not_exist,
            containers::frozen_and_thawed,
            containers::commands_beside_the_main_process,
            containers::an_input_that_is_cut_is_seen_as_its_end,
            logs::both_outputs_in_order,
            logs::a_cut_log_resumes,
            logs::a_followed_log_ends_with_the_container,
            limits::the_main_process_is_killed_for_memory,
            limits::a_childs_kill_is_counted,
            limits::forks_are_bounded,
            limits::samples_are_plausible,
            networks::chosen_subnet_and_overlap,
            networks::reach_by_alias_within_a_network_only,
            networks::two_networks_at_once,
            networks::a_namespace_can_be_shared,
            networks::listening_sockets,
            files::a_volume_outlives_its_containers,
            files::an_overlay_shows_lower_and_writes_upper,
            files::read_only_places,
            files::copied_out_as_tar,
            build::imported_with_its_configuration,
            build::saved_and_loaded,
        }
    };
}
