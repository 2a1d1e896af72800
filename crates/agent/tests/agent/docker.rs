//! With a real engine: what only a kernel can prove. Needs Docker and a Node runtime image (`pierhead runtimes build node`).

use std::path::Path;
use std::sync::Arc;

use pierhead_engine::docker::{DockerEngine, Timeouts};
use pierhead_engine::spec::Labels;
use pierhead_engine::state::Removal;
use pierhead_engine::{Engine, labels};
use pierhead_model::assignment::{Assignment, Phase, Report};
use pierhead_model::deployment::Reason;
use pierhead_model::health::HealthKind;
use pierhead_model::release::Release;

use crate::control::Manner;
use crate::world::World;

const SERVER: &str = "require('http').createServer((q, a) => a.end('version 1')).listen(process.env.PORT, '0.0.0.0', () => \
                      console.log('listening as', process.getuid()))";
const APP: &[(&str, &str)] =
    &[("package.json", r#"{"name":"app","scripts":{"start":"node server.js"}}"#), ("server.js", SERVER)];

/// The newest runtime image for Node that is here.
async fn node_image(engine: &dyn Engine) -> String {
    let images = engine.image_list(&Labels::new()).await.unwrap();
    let tags = images.into_iter().flat_map(|image| image.tags);
    let tag = tags.filter(|tag| tag.starts_with("pierhead/node:")).max();
    tag.expect("there is no runtime image: run `pierhead runtimes build node`")
}

async fn docker(install: u128, files: &[(&str, &str)]) -> World {
    let engine: Arc<dyn Engine> = Arc::new(
        DockerEngine::connect(Path::new("/var/run/docker.sock"), Timeouts::default()).await.unwrap(),
    );
    let image = node_image(engine.as_ref()).await;
    let mut world = World::new(engine, &image, 0xd0c4_e500 + install, Manner::Careful, files).await;
    world.health = HealthKind::Http;
    clear(&world).await;
    world
}

/// What an earlier, killed run of this test left.
async fn clear(world: &World) {
    let ours = labels::owner(world.install().as_ref(), world.node().as_ref());
    for container in world.engine.list(&ours).await.unwrap() {
        world.engine.remove(&container.id, Removal::Force).await.unwrap();
    }
    for network in world.engine.network_list(&ours).await.unwrap() {
        world.engine.network_remove(&network.name).await.unwrap();
    }
    for volume in world.engine.volume_list(&ours).await.unwrap() {
        world.engine.volume_remove(&volume.name).await.unwrap();
    }
}

fn number() -> u64 {
    let now = pierhead_model::Timestamp::now().as_nanosecond();
    (now & 0xffff_ffff_ffff) as u64
}

/// A service whose build is this command.
fn building(world: &World, command: &str) -> Assignment {
    let mut assignment = world.assignment(number());
    let settings = &mut assignment.work.settings;
    settings.install_command = Some(String::new());
    settings.build_command = Some(command.into());
    settings.start_command = Some("node server.js".into());
    assignment
}

async fn fails(world: &World, assignment: &Assignment) -> Reason {
    let report = world.deploy(assignment).await;
    let failure = report.failure.unwrap_or_else(|| panic!("it did not fail: {:?}", report.phase));
    assert_eq!((world.held().await, world.work_folders()), (Vec::new(), 0), "{failure:?}");
    failure.reason
}

async fn answer(report: &Report) -> String {
    let address = report.instance.as_ref().and_then(|instance| instance.address).unwrap();
    reqwest::get(format!("http://{address}/")).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_service_is_live_updated_adopted_and_made_again_from_blobs() {
    let mut world = docker(1, APP).await;
    let first = building(
        &world,
        "mkdir -p made && echo built > made/file && rm -f package.json && test -w server.js",
    );
    let report = world.deploy(&first).await;
    assert_eq!(report.phase, Phase::Healthy, "{report:?} {:#?}", world.control.log(&first.deployment));
    assert_eq!(answer(&report).await, "version 1");
    let said = |seen: &crate::control::Seen| {
        let lines = seen.lines.get(&first.deployment)?;
        lines.iter().any(|line| line.text == "listening as 10001").then_some(())
    };
    world.control.until("the service's output", said).await;

    world.restart(vec![first.clone()]).await;
    let healthy = |report: &Report| report.instance.as_ref().is_some_and(|instance| instance.healthy);
    let adopted = world.control.report(&first.deployment, "adopted", healthy).await;
    assert_eq!(answer(&adopted).await, "version 1");
    assert_eq!(adopted.instance.unwrap().restarts, 0);

    // The same release on a node that has no folder of it.
    let release = report.release.clone().unwrap();
    assert!(matches!(release, Release::Service(_)));
    world.stop(&first).await;
    fs_err::remove_dir_all(world.options.data_dir.join("agent/layers")).unwrap();
    fs_err::create_dir(world.options.data_dir.join("agent/layers")).unwrap();
    let mut again = world.assignment(number());
    again.work.source = pierhead_model::assignment::Source::Release { release };
    let report = world.deploy(&again).await;
    assert_eq!(answer(&report).await, "version 1");
    world.stop(&again).await;
    assert_eq!((world.held().await, world.work_folders()), (Vec::new(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn installed_dependencies_are_kept_and_stored_as_one() {
    let world = docker(2, APP).await;
    let install = |number: u64| {
        let mut assignment = world.assignment(number);
        let settings = &mut assignment.work.settings;
        settings.install_command = Some(
            "mkdir node_modules && echo 'module.exports = \"from a dependency\"' > node_modules/dep.js"
                .into(),
        );
        settings.start_command = Some(
            "node -e \"require('http').createServer((q, a) => a.end(require('dep'))).listen(process.env.PORT)\"".into(),
        );
        assignment
    };
    let (first, second) = (install(number()), install(number() + 1));
    let report = world.deploy(&first).await;
    assert_eq!(report.phase, Phase::Healthy, "{report:?} {:#?}", world.control.log(&first.deployment));
    assert_eq!(answer(&report).await, "from a dependency");
    let report = world.deploy(&second).await;
    assert_eq!(answer(&report).await, "from a dependency");
    let install = report.steps.iter().find(|step| step.name == "install").unwrap();
    assert_eq!(install.note.as_deref(), Some("dependencies from cache"));
    for assignment in [first, second] {
        world.stop(&assignment).await;
    }
    assert_eq!(world.held().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_builds_end_with_their_own_reason() {
    let mut world = docker(3, APP).await;
    world.options.log_limit_bytes = 4 << 20;
    world.restart(Vec::new()).await;
    let exit = fails(&world, &building(&world, "exit 7")).await;
    assert_eq!(exit, Reason::BuildFailed { exit_code: Some(7) });

    let mut hungry = building(&world, "node -e 'const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))'");
    hungry.work.limits.build_memory_mb = 64;
    let reason = fails(&world, &hungry).await;
    assert!(matches!(reason, Reason::OutOfMemory { limit_mb: 64, peak_mb: 64.. }), "{reason:?}");

    let mut slow = building(&world, "trap '' TERM; setsid sleep 1000 & sleep 1000");
    slow.work.limits.build_timeout_s = 3;
    assert_eq!(fails(&world, &slow).await, Reason::BuildTimeout { limit_s: 3 });

    let mut bomb = building(&world, "i=0; while [ $i -lt 500 ]; do sleep 5 & i=$((i+1)); done; wait");
    bomb.work.limits.build_pids = 40;
    assert_eq!(fails(&world, &bomb).await, Reason::ProcessLimit { limit: 40 });

    let mut filling = building(&world, "dd if=/dev/zero of=/app/big bs=1M count=400; sleep 20");
    filling.work.limits.build_disk_mb = 64;
    assert_eq!(fails(&world, &filling).await, Reason::DiskLimit { limit_mb: 64 });

    let noisy = building(&world, "yes 'all work and no play'");
    assert_eq!(fails(&world, &noisy).await, Reason::LogLimit { limit_mb: 4 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_out_of_the_output_is_refused_and_a_good_site_is_published() {
    let world = docker(4, &[("index.html", "<h1>x</h1>"), ("package.json", "{}")]).await;
    let site = |command: &str| {
        let mut assignment = world.assignment(number());
        let settings = &mut assignment.work.settings;
        settings.framework = Some("static".into());
        settings.install_command = Some(String::new());
        settings.build_command = Some(command.into());
        settings.output_directory = Some("dist".into());
        assignment
    };
    let bad = site("mkdir dist && ln -s /etc/passwd dist/passwd && cp index.html dist");
    assert_eq!(fails(&world, &bad).await, Reason::OutputRefused);
    let missing = site("mkdir other");
    assert_eq!(fails(&world, &missing).await, Reason::BuildFailed { exit_code: None });
    let good = site("mkdir dist && cp index.html dist && mkdir dist/.git && echo x > dist/.git/config");
    let report = world.deploy(&good).await;
    let Some(Release::Site(site)) = &report.release else { panic!("{report:?}") };
    assert_eq!(site.files, 1);
    world.until_nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_the_wrong_port_is_told_what_listens() {
    let world = docker(5, APP).await;
    let mut assignment = building(&world, "true");
    assignment.work.settings.start_command =
        Some("node -e \"require('http').createServer(() => {}).listen(8080, '127.0.0.1')\"".into());
    assignment.work.limits.startup_timeout_s = 3;
    let report = world.deploy(&assignment).await;
    let failure = report.failure.unwrap();
    assert_eq!(failure.reason, Reason::StartupTimeout { limit_s: 3 });
    assert!(failure.detail.contains("listens on 127.0.0.1:8080"), "{}", failure.detail);

    let mut crashing = building(&world, "true");
    crashing.work.settings.start_command = Some("echo dying; exit 3".into());
    assert_eq!(fails(&world, &crashing).await, Reason::StartFailed { exit_code: Some(3) });
    let log = world.control.log(&crashing.deployment);
    assert_eq!(log.iter().filter(|line| *line == "service: dying").count(), 4, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dockerfile_is_built_and_run_and_its_failure_has_the_exit_code() {
    let world = docker(6, APP).await;
    let image = node_image(world.engine.as_ref()).await;
    let dockerfile = |last: &str| format!("FROM {image}\nCOPY server.js /srv/\nEXPOSE 3000\n{last}\n");
    world.repository.commit(&[("Dockerfile", &dockerfile("RUN exit 9"))], "broken");
    let reason = fails(&world, &world.assignment(number())).await;
    assert_eq!(reason, Reason::BuildFailed { exit_code: Some(9) });

    world.repository.commit(&[("Dockerfile", &dockerfile("CMD [\"node\", \"/srv/server.js\"]"))], "good");
    let assignment = world.assignment(number());
    let report = world.deploy(&assignment).await;
    assert_eq!(report.phase, Phase::Healthy, "{report:?} {:#?}", world.control.log(&assignment.deployment));
    assert_eq!(answer(&report).await, "version 1");
    world.stop(&assignment).await;
    assert_eq!((world.held().await, world.work_folders()), (Vec::new(), 0));
    let Some(Release::Image(release)) = report.release else { panic!("not an image") };
    world.engine.image_remove(&release.image, Removal::Force).await.unwrap();
}
