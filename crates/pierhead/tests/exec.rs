//! Commands in running containers, by the command line, against real Docker.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const LIMIT: Duration = Duration::from_secs(60);
const SERVER_JS: &str =
    "require('http').createServer((_, r) => r.end('hello')).listen(process.env.PORT, '0.0.0.0');";
const SECRET: &str = "only the service knows";

struct Shop {
    server: Server,
    id: String,
    _git: GitServer,
}

impl Shop {
    async fn open() -> Self {
        let package = r#"{ "scripts": { "start": "node server.js" } }"#;
        let git = GitServer::start(&[
            ("shop", &[("package.json", package), ("server.js", SERVER_JS)]),
            ("page", &[("index.html", "hello")]),
        ]);
        let server = Server::start(BINARY).await;
        let settings = json!({ "name": "shop", "source": { "repository": git.url("shop") } });
        assert_eq!(server.call("POST", "/projects", Some(settings)).await.0, 201);
        let secret = json!({ "value": SECRET, "secret": true });
        assert_eq!(server.call("PUT", "/projects/shop/variables/TOKEN", Some(secret)).await.0, 200);
        let live = server.deploy_project("shop").await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}", live.0, server.log());
        Self { id: live.id().to_owned(), server, _git: git }
    }

    fn exec(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["exec", "--deployment", &self.id]).args(arguments).envs(self.server.command_line());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn ends(&self, arguments: &[&str]) -> Output {
        self.exec(arguments).output().unwrap()
    }

    /// Whether a process with these words runs in the service's container.
    fn runs(&self, words: &str) -> bool {
        let container = self.server.container_of(&self.id, "service");
        let top = Command::new("docker").args(["top", &container]).output().unwrap();
        String::from_utf8_lossy(&top.stdout).lines().any(|line| line.contains(words))
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let begun = Instant::now();
        while !condition() {
            assert!(begun.elapsed() < LIMIT, "never {what}\n{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What a test began is ended with it.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_beside_the_service_and_what_it_says_comes_through() {
    let shop = Shop::open().await;

    let said = shop.ends(&["--", "sh", "-c", "echo \"$TOKEN\"; echo wrong >&2; exit 7"]);
    assert_eq!(said.status.code(), Some(7), "{said:?}");
    assert_eq!(text(&said.stdout), format!("{SECRET}\n"), "with the variables of the service");
    assert_eq!(text(&said.stderr), "wrong\n");

    // More than any buffer on the way holds, both ways at once, bytes of every kind.
    let sent: Vec<u8> =
        (0..3_000_001_u32).map(|number| number.to_le_bytes()[usize::from(number % 3 == 0)]).collect();
    let mut cat = shop.exec(&["service.1", "--", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = cat.stdin.take().unwrap();
    let writing = {
        let sent = sent.clone();
        std::thread::spawn(move || input.write_all(&sent))
    };
    let got = cat.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert_eq!(got.status.code(), Some(0), "{}", text(&got.stderr));
    assert_eq!(got.stdout.len(), sent.len());
    assert_eq!(Sha256::digest(&got.stdout), Sha256::digest(&sent));

    // With a terminal of this one's size, in which what is typed arrives key by key.
    let inside = "const { stdin: i, stdout: o } = process; console.log(`${i.isTTY} ${o.columns} ${o.rows}`); process.exit(5)";
    let line =
        format!("stty cols 91 rows 33; exec {BINARY} exec --deployment {} -- node -e '{inside}'", shop.id);
    let seen = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .envs(shop.server.command_line())
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut seen = seen.unwrap();
    // The end of its input would be typed into the terminal.
    let held = seen.stdin.take();
    let seen = seen.wait_with_output().unwrap();
    drop(held);
    assert!(text(&seen.stdout).contains("true 91 33"), "{}", text(&seen.stdout));
    assert_eq!(seen.status.code(), Some(5));

    for (arguments, code, why) in [
        (&["--", "no-such-program"][..], 127, "no-such-program"),
        (&["other"], 1, "there is service"),
        (&["service.9"], 125, "replica 9"),
    ] {
        let failed = shop.ends(arguments);
        let told = text(&failed.stderr) + &text(&failed.stdout);
        assert!(told.contains(why), "{arguments:?}: {told}");
        assert_eq!(failed.status.code(), Some(code), "{arguments:?}: {told}");
    }

    let told = shop.server.get("/audit?action=deployment.exec&limit=100").await.to_string();
    assert!(told.contains(&shop.id) && told.contains("\"program\":\"cat\""), "{told}");
    assert!(!told.contains("exit 7"), "the words after the first are nobody's business: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_whoever_asked_for_it() {
    let shop = Shop::open().await;
    for ends in [Signal::Interrupted, Signal::Killed] {
        let mut child = Ends(shop.exec(&["--", "sh", "-c", "sleep 987 & sleep 986"]).spawn().unwrap());
        shop.until("running", || shop.runs("sleep 987") && shop.runs("sleep 986")).await;
        match ends {
            Signal::Killed => child.0.kill().unwrap(),
            Signal::Interrupted => {
                let pid = rustix::process::Pid::from_child(&child.0);
                rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            }
        }
        child.0.wait().unwrap();
        shop.until("ended", || !shop.runs("sleep 98")).await;
    }
    assert!(shop.runs("server.js"), "the service itself runs on");
}

enum Signal {
    Interrupted,
    Killed,
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_runs_nothing_and_a_site_has_nothing_to_run_in() {
    let shop = Shop::open().await;
    let token = json!({ "name": "eyes", "scopes": ["read"] });
    let (status, made) = shop.server.call("POST", "/tokens", Some(token)).await;
    assert_eq!(status, 201, "{made}");
    let secret = made["token"].as_str().unwrap();
    let refused = shop.exec(&["--", "true"]).env("PIERHEAD_TOKEN", secret).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert_eq!(shop.server.get("/audit?action=deployment.exec").await["items"], json!([]), "nothing was run");

    let page = json!({ "name": "page", "source": { "repository": shop._git.url("page") } });
    assert_eq!(shop.server.call("POST", "/projects", Some(page)).await.0, 201);
    let page = shop.server.deploy_project("page").await;
    let mut command = Command::new(BINARY);
    command.args(["exec", "--deployment", page.id(), "--", "true"]).envs(shop.server.command_line());
    let refused = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
    assert!(text(&refused.stderr).contains("static site"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_sleeps_is_woken_and_stays_awake_while_somebody_is_in_it() {
    let shop = Shop::open().await;
    let (status, _) = shop.server.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": 1 }))).await;
    assert_eq!(status, 200);
    let asleep = || {
        let container = shop.server.container_of(&shop.id, "service");
        let output = Command::new("docker")
            .args(["inspect", "-f", "{{.State.Running}}", &container])
            .output()
            .unwrap();
        text(&output.stdout).trim() == "false"
    };
    shop.until("asleep", asleep).await;
    // Longer than it takes to fall asleep, twice.
    let said = shop.ends(&["--", "sh", "-c", "echo up; sleep 5; echo still"]);
    assert_eq!((said.status.code(), text(&said.stdout).as_str()), (Some(0), "up\nstill\n"), "{said:?}");
    shop.until("asleep again", asleep).await;
}
