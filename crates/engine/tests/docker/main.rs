//! The contract on a real Docker engine, and what only Docker has: builds and the sandbox's profile.
//!
//! Needs a running engine at the default socket and fails without one. Everything made carries the label of its
//! test and is removed before and after it; one run at a time, guarded by a lock file.

#![expect(clippy::expect_used, reason = "a test's helpers fail the test, as its body does")]

#[path = "../contract/mod.rs"]
mod contract;

mod builds;
mod image;
mod profile;

use std::{fs::File, path::Path, sync::Arc};

use contract::{Lab, build, containers, files, limits, logs, networks};
use pierhead_engine::docker::{DockerEngine, Timeouts};
use tokio::sync::OnceCell;

static ONE_RUN: OnceCell<File> = OnceCell::const_new();

async fn lab(test: &str) -> Lab {
    ONE_RUN
        .get_or_init(|| async {
            tokio::task::spawn_blocking(|| {
                let path = std::env::temp_dir().join("pierhead-engine-contract.lock");
                let file = fs_err::File::create(path).expect("lock file").into_parts().0;
                file.lock().expect("locked");
                file
            })
            .await
            .expect("waited")
        })
        .await;
    let engine = DockerEngine::connect(Path::new("/var/run/docker.sock"), Timeouts::default());
    let engine = Arc::new(engine.await.expect("a running Docker engine"));
    let prefix = format!("phc-{}", test.replace('_', "-"));
    let lab = Lab {
        engine,
        image: format!("{prefix}-probe:1"),
        labels: [("pierhead-contract".to_owned(), test.to_owned())].into(),
        prefix,
        command: Box::new(|acts| vec!["/probe".to_owned(), serde_json::to_string(acts).expect("serialised")]),
        subnets: 213,
    };
    lab.sweep().await;
    image::import(&lab).await;
    lab
}

whole_contract!(lab, tokio::test(flavor = "multi_thread"));

contract! { lab, tokio::test(flavor = "multi_thread"):
    builds::a_dockerfile_becomes_an_image,
    builds::a_failing_step_says_why,
    builds::a_dropped_build_stops,
    builds::a_foreign_syntax_line_does_nothing,
    builds::steps_are_limited,
    profile::the_sandbox_is_as_published,
    profile::a_command_that_cannot_run_is_refused,
    profile::the_engine_is_described,
}

#[tokio::test]
async fn without_an_engine_it_is_unavailable() {
    let nowhere = Path::new("/nonexistent/docker.sock");
    let error = DockerEngine::connect(nowhere, Timeouts::default()).await.expect_err("no engine");
    assert!(matches!(error, pierhead_engine::Error::Unavailable { .. }), "{error:?}");
    assert!(error.retryable());
}
