//! Builds from a Dockerfile, offline, with limits.

use std::{collections::BTreeMap, time::Duration};

use futures::TryStreamExt as _;
use pierhead_engine::{
    Error,
    image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions, ImageId},
    simulated::Act,
};

use crate::contract::{Lab, MIB, PATIENCE, build::tar_of};

fn options(lab: &Lab) -> BuildOptions {
    BuildOptions {
        tag: format!("{}-built:1", lab.prefix),
        dockerfile: "deploy/Dockerfile".to_owned(),
        target: None,
        args: BTreeMap::new(),
        labels: lab.labels.clone(),
        memory_bytes: 256 * MIB,
        cpu_millis: 1000,
        network: BuildNetwork::None,
        cache: BuildCache::Ignore,
    }
}

/// `RUN` of a script, without a shell.
fn run(acts: &[Act]) -> String {
    let script = serde_json::to_string(acts).expect("serialised");
    format!("RUN {}", serde_json::to_string(&["/probe", &script]).expect("serialised"))
}

/// The whole build: what it printed, and the image or the error.
async fn build(
    lab: &Lab,
    dockerfile: &str,
    options: &BuildOptions,
) -> (String, Result<Option<ImageId>, Error>) {
    let context = tar_of(&[("deploy/Dockerfile", dockerfile.as_bytes()), ("f", b"from the context")]);
    let mut events = lab.engine.image_build(context, options).await.expect("begun");
    let mut printed = String::new();
    let reading = async {
        let mut built = None;
        loop {
            match events.try_next().await {
                Ok(Some(BuildEvent::Output(bytes))) => printed.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(Some(BuildEvent::Built(id))) => built = Some(id),
                Ok(None) => return Ok(built),
                Err(error) => return Err(error),
            }
        }
    };
    let result = tokio::time::timeout(PATIENCE, reading).await.expect("built in time");
    (printed, result)
}

pub(crate) async fn a_dockerfile_becomes_an_image(lab: &Lab) {
    let mut options = options(lab);
    options.target = Some("wanted".to_owned());
    options.args.insert("COLOUR".to_owned(), "a red one".to_owned());
    // More than the client's own 32 bits hold.
    options.memory_bytes = 5 << 30;
    let dockerfile = format!(
        "FROM {} AS wanted\nARG COLOUR\nENV COLOUR=$COLOUR\nCOPY f /f\n{}\nFROM nowhere/never:1\n",
        lab.image,
        run(&[Act::print("step says hello"), Act::Read { path: "/f".to_owned() }]),
    );
    let (printed, result) = build(lab, &dockerfile, &options).await;
    let id = result.expect("built").expect("an image");
    assert!(printed.contains("step says hello") && printed.contains("from the context"), "{printed}");
    let image = lab.engine.image_inspect(&options.tag).await.expect("inspected");
    assert_eq!(image.id, id);
    assert!(image.config.env.contains(&("COLOUR".to_owned(), "a red one".to_owned())), "{image:?}");
    assert!(lab.labels.iter().all(|(key, value)| image.labels.get(key) == Some(value)));
}

pub(crate) async fn a_failing_step_says_why(lab: &Lab) {
    let dockerfile = format!("FROM {}\n{}\n", lab.image, run(&[Act::print("before"), Act::Exit { code: 7 }]));
    let (printed, result) = build(lab, &dockerfile, &options(lab)).await;
    assert!(printed.contains("before"), "{printed}");
    let error = result.expect_err("failed");
    assert!(matches!(&error, Error::Refused { reason } if reason.contains("non-zero code: 7")), "{error:?}");
    let (_, result) = build(lab, "FROM\nNONSENSE", &options(lab)).await;
    assert!(matches!(result, Err(Error::Refused { .. })), "{result:?}");
}

pub(crate) async fn a_dropped_build_stops(lab: &Lab) {
    let dockerfile = format!("FROM {}\n{}\n", lab.image, run(&[Act::print("running"), Act::Forever]));
    let context = tar_of(&[("deploy/Dockerfile", dockerfile.as_bytes())]);
    let mut events = lab.engine.image_build(context, &options(lab)).await.expect("begun");
    let step_runs = async {
        while let Some(event) = events.try_next().await.expect("read") {
            if matches!(&event, BuildEvent::Output(text) if text.starts_with(b"running")) {
                return;
            }
        }
        panic!("the build ended");
    };
    tokio::time::timeout(PATIENCE, step_runs).await.expect("began in time");
    // The step's container inherits the labels of the image it is made from.
    let steps = async || lab.engine.list(&lab.labels).await.expect("listed").len();
    assert_eq!(steps().await, 1);
    drop(events);
    let gone = async {
        while steps().await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("stopped in time");
}

pub(crate) async fn a_foreign_syntax_line_does_nothing(lab: &Lab) {
    let dockerfile = format!("# syntax=evil.example/frontend:1\nFROM {}\nENV A=1\n", lab.image);
    let (_, result) = build(lab, &dockerfile, &options(lab)).await;
    result.expect("built").expect("an image");
    let dockerfile = format!("FROM {}\nRUN --mount=type=cache,target=/x /probe\n", lab.image);
    let (_, result) = build(lab, &dockerfile, &options(lab)).await;
    let error = result.expect_err("refused");
    assert!(matches!(&error, Error::Refused { reason } if reason.contains("--mount")), "{error:?}");
}

pub(crate) async fn steps_are_limited(lab: &Lab) {
    let mut options = options(lab);
    options.memory_bytes = 64 * MIB;
    let dockerfile = format!("FROM {}\n{}\n", lab.image, run(&[Act::HoldMemory { bytes: 200 * MIB }]));
    let (_, result) = build(lab, &dockerfile, &options).await;
    let error = result.expect_err("killed");
    assert!(matches!(&error, Error::Refused { reason } if reason.contains("137")), "{error:?}");
}
