//! On a real engine: what only a kernel can prove. Needs Docker and a Node runtime image (`pierhead runtimes build node`).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use pierhead_agent::plugins::manifest::Network;
use pierhead_agent::steps::place::Place;
use pierhead_agent::steps::plugin::{self, Attempt, Outcome};
use pierhead_agent::steps::service::{self, Check, Service, SlotVolume, Started};
use pierhead_agent::steps::{end, network};
use pierhead_engine::docker::{DockerEngine, Timeouts};
use pierhead_engine::image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions};
use pierhead_engine::spec::Labels;
use pierhead_engine::state::{Removal, State};
use pierhead_engine::{Engine, labels};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::id::DeploymentId;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::lab::{Lab, SECRET};
use crate::outside::Outside;

/// Runs the Python of its parameter `script`, with its input as `given`.
const DOCKERFILE: &str = r#"
ENTRYPOINT ["python3", "-u", "-c", "import json, sys; given = json.load(sys.stdin); exec(given['parameters']['script'])"]
USER 10001:10001
"#;
const YES: &str = "print(json.dumps({'success': True, 'outputs': {'n': 1}}))";

/// An engine with an image of its own for each test; what an earlier, killed run left is removed first.
struct Real {
    lab: Lab,
    image: String,
    base: String,
    subnet: u8,
}

async fn real(number: u8) -> Real {
    let engine: Arc<dyn Engine> = Arc::new(
        DockerEngine::connect(Path::new("/var/run/docker.sock"), Timeouts::default()).await.unwrap(),
    );
    let lab = Lab::new(Arc::clone(&engine), 0x57e9_5000 + u128::from(number));
    let tags = engine.image_list(&Labels::new()).await.unwrap().into_iter().flat_map(|image| image.tags);
    let base = tags.filter(|tag| tag.starts_with("pierhead/node:")).max();
    let base = base.expect("there is no runtime image: run `pierhead runtimes build node`");
    let real = Real { lab, image: format!("pierhead-test-steps-{number}:1"), base, subnet: number };
    real.sweep().await;
    real.build().await;
    real
}

impl Real {
    async fn build(&self) {
        self.build_of(&self.image, &format!("FROM {}{DOCKERFILE}", self.base), &[]).await;
    }

    async fn build_of(&self, tag: &str, dockerfile: &str, files: &[(&str, &[u8])]) {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in [("Dockerfile", dockerfile.as_bytes())].iter().chain(files) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        let context = archive.into_inner().unwrap();
        let options = BuildOptions {
            tag: tag.to_owned(),
            dockerfile: "Dockerfile".into(),
            target: None,
            args: Default::default(),
            labels: self.owner(),
            memory_bytes: 256 << 20,
            cpu_millis: 1000,
            network: BuildNetwork::None,
            cache: BuildCache::Use,
        };
        let context = futures::stream::once(async { Ok(context.into()) });
        let events = self.lab.engine.image_build(Box::pin(context), &options).await.unwrap();
        let events: Vec<_> = events.try_collect().await.unwrap();
        assert!(matches!(events.last(), Some(BuildEvent::Built(_))), "{events:?}");
    }

    fn owner(&self) -> Labels {
        labels::owner(self.lab.place.install.as_ref(), self.lab.place.node.as_ref())
    }

    async fn sweep(&self) {
        let (engine, ours) = (&self.lab.engine, self.owner());
        for container in engine.list(&ours).await.unwrap() {
            engine.remove(&container.id, Removal::Force).await.unwrap();
        }
        for network in engine.network_list(&ours).await.unwrap() {
            engine.network_remove(&network.name).await.unwrap();
        }
        for volume in engine.volume_list(&ours).await.unwrap() {
            engine.volume_remove(&volume.name).await.unwrap();
        }
        for image in engine.image_list(&ours).await.unwrap() {
            engine.image_remove(image.id.as_str(), Removal::Force).await.unwrap();
        }
    }

    fn attempt(&self, step: &str, script: &str) -> Attempt {
        let mut attempt = self.lab.attempt(step);
        attempt.image.clone_from(&self.image);
        attempt.input.parameters.insert("script".into(), script.into());
        attempt
    }

    async fn succeeds(&self, step: &str, script: &str) {
        let outcome = self.lab.run(&self.attempt(step, script)).await;
        assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?} {:?}", self.lab.memory.printed());
    }

    async fn fails(&self, attempt: &Attempt) -> Failure {
        match self.lab.run(attempt).await {
            Outcome::Failed(failure) => failure,
            other => panic!("it did not fail: {other:?}"),
        }
    }

    async fn until_it_prints(&self, words: &str) {
        let begun = Instant::now();
        while !self.lab.memory.printed().iter().any(|line| line.contains(words)) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", self.lab.memory.printed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn inspect(container: &str) -> (String, Value) {
    let output = Command::new("docker").args(["inspect", container]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    (text, value[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_is_told_is_nowhere_but_on_its_standard_input() {
    let real = real(1).await;
    let script = format!(
        "print('secret is', given['secrets']['PASSWORD'], file=sys.stderr)\n\
         for place in ('environ', 'cmdline'):\n\
         \x20   text = open(f'/proc/self/{{place}}').read()\n\
         \x20   assert 'canary' not in text and 'orders' not in text, place\n\
         print('waiting', file=sys.stderr)\n\
         import time\n\
         while not __import__('os').path.exists('/tmp/go'): time.sleep(0.02)\n\
         {YES}"
    );
    let attempt = real.attempt("db", &script);
    let cancel = CancellationToken::new();
    let looking = async {
        real.until_it_prints("waiting").await;
        let (text, described) = inspect(&attempt.container());
        for told in ["canary", "orders", "idempotency"] {
            assert!(!text.contains(told), "{told} is in {text}");
        }
        // What the engine keeps on its disk, as far as this test may read it.
        let id = described["Id"].as_str().unwrap();
        for file in ["config.v2.json", "hostconfig.json"] {
            if let Ok(kept) = fs_err::read_to_string(format!("/var/lib/docker/containers/{id}/{file}")) {
                assert!(!kept.contains("canary"), "{file}");
            }
        }
        let host = &described["HostConfig"];
        assert_eq!(host["Memory"], 256 << 20);
        assert_eq!(host["MemorySwap"], 256 << 20);
        assert_eq!(host["NanoCpus"], 1_000_000_000_u64);
        assert_eq!(host["PidsLimit"], 64);
        assert_eq!(host["ReadonlyRootfs"], true);
        assert_eq!(host["Privileged"], false);
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
        assert!(host["CapAdd"].as_array().is_none_or(Vec::is_empty), "{}", host["CapAdd"]);
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges:true"]));
        assert_eq!(host["NetworkMode"], "none");
        assert_eq!(host["AutoRemove"], false);
        let id = pierhead_engine::state::ContainerId::new(id);
        let go = ["touch".to_owned(), "/tmp/go".to_owned()];
        assert_eq!(real.lab.engine.exec(&id, &go, Duration::from_secs(30)).await.unwrap().code, 0);
    };
    let (outcome, ()) = tokio::join!(plugin::run(&real.lab.context, &attempt, &cancel), looking);
    assert!(matches!(outcome, Ok(Outcome::Succeeded(_))), "{outcome:?} {:?}", real.lab.memory.printed());
    assert_eq!(real.lab.memory.printed(), ["secret is [secret]", "waiting"]);
    assert!(SECRET.contains("canary"));
    real.sweep().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_can_do_nothing_beyond_its_limits() {
    let real = real(2).await;
    real.succeeds(
        "places",
        &format!(
            "import os\n\
             open('/tmp/x', 'w').write('y')\n\
             for path in ('/x', '/app/x', '/home/app/x', '/etc/x'):\n\
             \x20   try: open(path, 'w'); sys.exit('wrote ' + path)\n\
             \x20   except OSError: pass\n\
             assert os.getuid() == 10001\n\
             assert [i for i in os.listdir('/sys/class/net')] == ['lo']\n\
             {YES}"
        ),
    )
    .await;

    let failure = real.fails(&real.attempt("memory", "x = bytearray(400 << 20)")).await;
    assert_eq!(failure.reason, Reason::OutOfMemory { limit_mb: 256, peak_mb: 256 });

    real.succeeds(
        "processes",
        &format!(
            "import os, time\n\
             made = 0\n\
             try:\n\
             \x20   while made < 1000:\n\
             \x20       if os.fork() == 0: time.sleep(3600)\n\
             \x20       made += 1\n\
             except OSError: pass\n\
             assert made < 64, made\n\
             {YES}"
        ),
    )
    .await;

    let failure = real.fails(&real.attempt("flood", "while True: print('x' * 65536)")).await;
    assert!(failure.detail.contains("more than 1048576 bytes"), "{}", failure.detail);

    let mut endless =
        real.attempt("endless", "import time; print('ready', file=sys.stderr); time.sleep(3600)");
    endless.timeout = Duration::from_secs(2);
    let begun = Instant::now();
    let failure = real.fails(&endless).await;
    assert_eq!(failure.reason, Reason::PluginTimeout { limit_s: 2 });
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let found = real.lab.engine.find(&endless.container()).await.unwrap().unwrap();
    assert!(found.state.exit().is_some(), "{:?}", found.state);
    real.sweep().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_finds_what_became_of_its_plugin() {
    let real = real(3).await;
    let script = format!(
        "import time\nfor n in range(5):\n\x20   print('line', n, file=sys.stderr)\n\x20   time.sleep(0.1)\n{YES}"
    );
    for generation in 1..=8 {
        let mut attempt = real.attempt("db", &script);
        attempt.generation = generation;
        let cancel = CancellationToken::new();
        // It dies after more and more of what there is to do.
        let life = Duration::from_millis(120) * generation;
        let died = tokio::time::timeout(life, plugin::run(&real.lab.context, &attempt, &cancel)).await;
        real.lab.context.settling.close();
        real.lab.context.settling.wait().await;
        real.lab.context.settling.reopen();
        let outcome = plugin::run(&real.lab.context, &attempt, &cancel).await.unwrap();
        assert!(matches!(outcome, Outcome::Succeeded(_)), "{generation}: {died:?} {outcome:?}");
        end::remove(&real.lab.context, &attempt.container()).await.unwrap();
    }
    assert_eq!(real.lab.held().await, Vec::<String>::new());
    real.sweep().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_reached_by_its_name_and_keeps_its_volume() {
    let real = real(4).await;
    let networks = real.lab.networks(216, real.subnet).await;
    let data = SlotVolume { name: "data".into(), path: "/data".into(), read_only: false };

    let http = Check::Http { port: 8000, path: "/".into(), host: "web.qa".into() };
    let mut web = real.lab.service("web", &real.base, http);
    let command = "echo hello from a volume > /data/index.html; cd /data; exec python3 -m http.server 8000";
    web.entrypoint = Some(vec!["/bin/sh".into(), "-c".into(), command.into()]);
    web.user = Some("0:0".into());
    web.volumes = vec![data.clone()];
    let cancel = CancellationToken::new();
    let Started::Healthy(running) = service::start(&real.lab.context, &web, &cancel).await.unwrap() else {
        panic!("not healthy: {:?}", real.lab.memory.printed());
    };
    let again = service::start(&real.lab.context, &web, &cancel).await.unwrap();
    assert_eq!(again, Started::Healthy(running.clone()), "it is found, not made again");

    let asking = format!(
        "import urllib.request\n\
         text = urllib.request.urlopen('http://web:8000/', timeout=20).read().decode()\n\
         assert text == 'hello from a volume\\n', text\n\
         assert open('/seen/index.html').read() == text\n\
         {YES}"
    );
    let mut inside = real.attempt("inside", &asking);
    inside.network = Network::Deployment.of(&networks);
    inside.volumes = vec![SlotVolume { path: "/seen".into(), read_only: true, ..data }];
    let outcome = real.lab.run(&inside).await;
    assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?} {:?}", real.lab.memory.printed());

    let server = Outside::start();
    let reaching = format!("{}\n{YES}", server.reached_by());
    for (step, access, reaches) in [
        ("internet", Network::Internet, true),
        ("deployment", Network::Deployment, false),
        ("none", Network::None, false),
    ] {
        let mut attempt = real.attempt(step, &reaching);
        attempt.network = access.of(&networks);
        let outcome = real.lab.run(&attempt).await;
        assert_eq!(matches!(outcome, Outcome::Succeeded(_)), reaches, "{step}: {outcome:?}");
        end::remove(&real.lab.context, &attempt.container()).await.unwrap();
    }

    let mut outside = real.attempt("outside", &asking);
    outside.input.parameters.insert("x".into(), 1.into());
    let failure = real.fails(&outside).await;
    assert!(failure.detail.contains("exit code 1"), "without a network there is no name: {}", failure.detail);

    let ready = vec!["test".to_owned(), "-f".to_owned(), "/data/index.html".to_owned()];
    web.health.check = Check::Command(ready);
    assert!(matches!(service::start(&real.lab.context, &web, &cancel).await.unwrap(), Started::Healthy(_)));
    web.health.check = Check::Command(vec!["false".to_owned()]);
    web.startup_timeout = Duration::from_secs(2);
    let Started::Failed(failure) = service::start(&real.lab.context, &web, &cancel).await.unwrap() else {
        panic!("it cannot be healthy")
    };
    assert!(failure.detail.contains("`false` ended with exit code 1"), "{}", failure.detail);

    for container in [web.container(), inside.container(), outside.container()] {
        end::remove(&real.lab.context, &container).await.unwrap();
    }
    service::remove_volumes(&real.lab.context, &real.lab.place).await.unwrap();
    assert_eq!(real.lab.held().await, Vec::<String>::new());
    real.sweep().await;
}

/// Docker's own pools hold 31 networks of a deployment's kind; each deployment of a pipeline has two.
#[tokio::test(flavor = "multi_thread")]
async fn thirty_five_deployments_at_once_have_networks_of_their_own() {
    const DEPLOYMENTS: u64 = 35;
    let real = real(5).await;
    let pool = "10.218.0.0/16".parse().unwrap();
    let places: Vec<Place> = (0..DEPLOYMENTS)
        .map(|number| Place {
            deployment: DeploymentId::from_random(0x35_0000 + number),
            ..real.lab.place.clone()
        })
        .collect();
    let made = places.iter().map(|place| network::prepare(&real.lab.context, place, pool));
    let networks = futures::future::try_join_all(made).await.unwrap();

    let described = real.lab.engine.network_list(&real.owner()).await.unwrap();
    let subnets: BTreeSet<_> = described.iter().filter_map(|network| network.subnet).collect();
    assert_eq!((described.len(), subnets.len()), (70, 70), "each on a subnet of its own");

    // Something runs on all of them at once, and each has two addresses of its own.
    let services: Vec<_> = places
        .iter()
        .zip(networks)
        .map(|(place, networks)| {
            let mut service = real.lab.service("app", &real.base, Check::Process);
            service.entrypoint = Some(vec!["sleep".into(), "600".into()]);
            service.memory_mb = 16;
            Service { place: place.clone(), networks, ..service }
        })
        .collect();
    let cancel = CancellationToken::new();
    let started = services.iter().map(|each| service::start(&real.lab.context, each, &cancel));
    let mut addresses = BTreeSet::new();
    for started in futures::future::try_join_all(started).await.unwrap() {
        let Started::Healthy(running) = started else { panic!("{started:?}") };
        addresses.insert(running.address);
    }
    assert_eq!(addresses.len(), 35);
    real.sweep().await;
    assert!(real.lab.engine.network_list(&real.owner()).await.unwrap().is_empty());
}

/// What anybody who may talk to the engine is shown of a container, and of commands in it.
fn shown(container: &str) -> String {
    let ask = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let filter = format!("name={container}");
    ["inspect", "exec", "diff", "top", "ps"]
        .map(|what| match what {
            "exec" => ask(&["exec", container, "env"]),
            "top" => ask(&["top", container, "-eo", "pid,args"]),
            "ps" => ask(&["ps", "--all", "--no-trunc", "--filter", &filter]),
            what => ask(&[what, container]),
        })
        .concat()
}

#[tokio::test]
async fn a_secret_reaches_the_process_and_nothing_that_the_engine_shows() {
    let real = real(9).await;
    let lab = &real.lab;
    lab.networks(219, real.subnet).await;
    let url = format!("postgres://u:{SECRET}@db/x\nsecond 'line'");
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&url));
    let holds = format!("test \"$(printf %s \"$URL\" | sha256sum | cut -c1-64)\" = {hash}");
    let words = |script: String| ["sh", "-c", &script].map(str::to_owned).to_vec();
    // Commands that are run in it later see what it sees.
    let mut service =
        lab.service("web", &real.image, Check::Command(words(format!("{holds} && test -e /tmp/up"))));
    service.entrypoint = Some(words(format!("{holds} || exit 9; touch /tmp/up; exec sleep 3600")));
    service.variables = vec![("URL".to_owned(), url), ("PLAIN".to_owned(), "shown".to_owned())];
    service.secret_values = vec![SECRET.to_owned()];
    for start in ["the first", "after it was stopped"] {
        let started = service::start(&lab.context, &service, &CancellationToken::new()).await.unwrap();
        assert!(matches!(started, Started::Healthy(_)), "{start}: {started:?} {:?}", lab.memory.printed());
        let shown = shown(&service.container());
        assert!(shown.contains("PLAIN=shown") && !shown.contains(SECRET), "{shown}");
        end::stop(&lab.context, &service.container(), Duration::ZERO).await.unwrap();
    }
    // Found running, it is left as it is: nothing is handed over twice.
    let first = service::start(&lab.context, &service, &CancellationToken::new()).await.unwrap();
    let again = service::start(&lab.context, &service, &CancellationToken::new()).await.unwrap();
    assert_eq!(first, again);
    real.sweep().await;
}

/// Starts a service with a secret in an image of its own, and waits until it is healthy.
async fn starts_with_a_secret(real: &Real, service: &mut Service) {
    service.variables = vec![("TOKEN".to_owned(), SECRET.to_owned())];
    service.secret_values = vec![SECRET.to_owned()];
    let started = service::start(&real.lab.context, service, &CancellationToken::new()).await.unwrap();
    assert!(matches!(started, Started::Healthy(_)), "{started:?} {:?}", real.lab.memory.printed());
}

#[tokio::test]
async fn an_image_runs_with_secrets_as_it_does_without() {
    let real = real(10).await;
    let lab = &real.lab;
    lab.networks(220, real.subnet).await;
    let own = "pierhead-test-steps-10:own";
    // Its own words, folder, user and health check; what it says of itself shows that it is the container's program, not a child.
    let script = "import os, signal, sys, time\n\
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n\
        children = [pid for pid in os.listdir('/proc') if pid.isdigit()]\n\
        print('seen', sys.argv[1:], os.getcwd(), os.getuid(), len(os.environ['TOKEN']), len(children), flush=True)\n\
        open('/tmp/up', 'w').close()\n\
        time.sleep(3600)\n";
    let dockerfile = format!(
        "FROM {}\nCOPY run.py /srv/own/run.py\nWORKDIR /srv/own\nUSER 10002\nHEALTHCHECK CMD false\n\
         ENTRYPOINT [\"python3\", \"run.py\"]\nCMD [\"a b\", \"$HOME\"]\n",
        real.base
    );
    real.build_of(own, &dockerfile, &[("run.py", script.as_bytes())]).await;
    let up = Check::Command(["test", "-e", "/tmp/up"].map(str::to_owned).to_vec());
    let mut service = lab.service("own", own, up);
    starts_with_a_secret(&real, &mut service).await;
    let printed = lab.memory.printed().join("\n");
    // The engine's own first process, and this one.
    let wanted = format!("seen ['a b', '$HOME'] /srv/own 10002 {} 2", SECRET.len());
    assert!(printed.contains(&wanted), "{printed}");
    // It is asked to end itself, not killed.
    let stopped = Instant::now();
    end::stop(&lab.context, &service.container(), Duration::from_secs(60)).await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(30), "the signal did not reach it");
    let ended = lab.engine.find(&service.container()).await.unwrap().unwrap();
    assert!(matches!(&ended.state, State::Exited(exit) if exit.code == 3), "{:?}", ended.state);
    real.sweep().await;
}

#[tokio::test]
async fn an_image_that_holds_one_file_runs_with_secrets_too() {
    let real = real(11).await;
    let lab = &real.lab;
    lab.networks(221, real.subnet).await;
    let bare = "pierhead-test-steps-11:bare";
    // The one static program that is at hand: run like this, it reads what was kept at the start, and says that it has no such mode.
    let program = fs_err::read(&lab.context.init).unwrap();
    let dockerfile = "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\", \"exec\", \"/program\", \"nothing\"]\n";
    real.build_of(bare, dockerfile, &[("program", &program)]).await;
    let never = Check::Command(vec!["/program".to_owned()]);
    let mut service = lab.service("bare", bare, never);
    service.variables = vec![("TOKEN".to_owned(), SECRET.to_owned())];
    service.secret_values = vec![SECRET.to_owned()];
    service.starts = 1;
    let started = service::start(&lab.context, &service, &CancellationToken::new()).await.unwrap();
    let printed = lab.memory.printed().join("\n");
    assert!(matches!(started, Started::Failed(_)), "{started:?}");
    assert!(printed.contains("nothing to run by hand"), "{started:?} {printed}");
    real.sweep().await;
}

/// Nobody hands anything over when the engine, or whoever is at the machine, starts a container.
#[tokio::test]
async fn what_somebody_else_restarts_is_started_again_with_its_secrets() {
    let real = real(12).await;
    let lab = &real.lab;
    lab.networks(222, real.subnet).await;
    let words = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
    let check = Check::Command(words("test -e /tmp/up && test -n \"$TOKEN\""));
    let mut service = lab.service("web", &real.image, check);
    service.entrypoint =
        Some(words("rm -f /tmp/up; test -n \"$TOKEN\" || exit 9; touch /tmp/up; exec sleep 3600"));
    starts_with_a_secret(&real, &mut service).await;
    let output =
        Command::new("docker").args(["restart", "--time", "0", &service.container()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    starts_with_a_secret(&real, &mut service).await;
    let printed = lab.memory.printed().join("\n");
    assert!(printed.contains("the variables did not arrive"), "{printed}");
    real.sweep().await;
}
