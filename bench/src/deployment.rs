//! How long a deployment takes beside the bare work, and beside an image that is built and run by hand.
//!
//! One file changes, the dependencies do not. The bare work is the build command in a prepared tree inside a container of the
//! same runtime that is running already: nothing but the command's own time. The image is a Dockerfile as its own
//! documentation suggests, with its cache warm. Rounds alternate.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use pierhead_testkit::{GitServer, Hook, Server};
use serde::Serialize;
use serde_json::json;

use crate::wake;

const IMAGE: &str = "pierhead-bench";
/// So that npm works behind a proxy with an authority of its own.
const TRUST: &str = "COPY ca.crt /etc/ca.crt\nENV NODE_EXTRA_CA_CERTS=/etc/ca.crt\n";
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
const PORT: u16 = 3000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An example that is deployed again and again.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    /// The file that changes, and the line that is added to it.
    file: &'static str,
    added: &'static str,
    dockerfile: &'static str,
    pub(crate) is_site: bool,
}

pub(crate) const EXAMPLES: [Example; 2] = [
    Example {
        name: "vite-react",
        file: "src/main.jsx",
        added: "\nconsole.log('ROUND')\n",
        dockerfile: "USER 0\nCOPY package.json ./\nRUN npm install\nCOPY . .\nRUN npm run build\n",
        is_site: true,
    },
    Example {
        name: "express-api",
        file: "index.js",
        added: "\n// ROUND\n",
        dockerfile: "USER 0\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\nENV PORT=3000\nCMD [\"npm\", \"start\"]\n",
        is_site: false,
    },
];

#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) case: &'static str,
    pub(crate) round: usize,
    pub(crate) way: &'static str,
    pub(crate) milliseconds: f64,
}

/// Measures, prints medians and ratios, writes each figure as a line of JSON.
pub(crate) fn run(binary: &Path, results: &Path, rounds: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut lines = Vec::new();
    for example in &EXAMPLES {
        lines.extend(runtime.block_on(measure(binary, example, rounds))?);
    }
    lines.extend(runtime.block_on(push(binary, rounds))?);
    lines.extend(runtime.block_on(wake::measure(binary, rounds))?);
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(results)?;
    for line in &lines {
        writeln!(file, "{}", serde_json::to_string(line)?)?;
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\nA deployment again, one file changed: milliseconds, minimum / median / maximum of the rounds.\n"
    )?;
    for example in &EXAMPLES {
        let of = |way: &str| {
            let wanted = lines.iter().filter(|line| line.case == example.name && line.way == way);
            let mut found: Vec<f64> = wanted.map(|line| line.milliseconds).collect();
            found.sort_by(f64::total_cmp);
            found
        };
        let ours = median(&of("pierhead"));
        for way in ["pierhead", "bare build", "image by hand"] {
            let found = of(way);
            let (Some(first), Some(last)) = (found.first(), found.last()) else { continue };
            let middle = median(&found);
            writeln!(
                out,
                "{:<12} {way:<14} {first:>8.0} / {middle:.0} / {last:.0}   pierhead takes {:.2} of it, {:+.0} ms",
                example.name,
                ours / middle,
                ours - middle
            )?;
        }
    }
    writeln!(
        out,
        "\nFrom a push until it is live: milliseconds, minimum / median / maximum of the rounds.\n"
    )?;
    for (part, name) in PARTS {
        let mut found: Vec<f64> = lines
            .iter()
            .filter(|line| line.case == "push" && line.way == part)
            .map(|line| line.milliseconds)
            .collect();
        found.sort_by(f64::total_cmp);
        let (Some(first), Some(last)) = (found.first(), found.last()) else { continue };
        writeln!(out, "{name:<28} {first:>8.0} / {:.0} / {last:.0}", median(&found))?;
    }
    writeln!(
        out,
        "\nFrom a request to something that sleeps until its answer: milliseconds, minimum / median / maximum.\n"
    )?;
    for (ours, theirs) in wake::WAYS {
        let of = |way: &str| {
            let mut found: Vec<f64> =
                lines.iter().filter(|line| line.way == way).map(|line| line.milliseconds).collect();
            found.sort_by(f64::total_cmp);
            found
        };
        let ratio = median(&of(ours)) / median(&of(theirs));
        for way in [ours, theirs] {
            let found = of(way);
            let (Some(first), Some(last)) = (found.first(), found.last()) else { continue };
            writeln!(out, "{way:<28} {first:>8.1} / {:.1} / {last:.1}", median(&found))?;
        }
        writeln!(out, "{ours:<28} takes {ratio:.2} of it")?;
    }
    Ok(())
}

/// What a push is measured by: the webhook's answer by whoever sent it, the rest by the deployment's own timings.
const PARTS: [(&str, &str); 6] = [
    ("answer", "webhook to its answer"),
    ("received_ms", "webhook to queued"),
    ("queued_ms", "queued to build start"),
    ("building_ms", "build start to built"),
    ("provisioning_ms", "built to live"),
    ("total_ms", "webhook to live"),
];

/// A webhook tells of a push, and what was pushed goes live.
async fn push(binary: &Path, rounds: usize) -> Result<Vec<Line>> {
    const NAME: &str = "express-api";
    const SECRET: &str = "the benchmark's webhook secret";
    let source = pierhead_testkit::repository_root().join("examples").join(NAME);
    let git = GitServer::of_folders(&[(NAME, &source)]);
    let mut server = Server::unstarted(&binary.display().to_string());
    server.boot(&[("PIERHEAD_WEBHOOK_SECRET", SECRET)]).await;
    let first = server.deploy(json!({ "repository": git.url(NAME) })).await;
    ensure!(first.state() == "PRODUCTION", "{NAME}: {:#}", first.0);
    let original = fs_err::read_to_string(source.join("index.js"))?;
    let mut lines = Vec::new();
    for round in 0..rounds {
        let changed = format!("{original}\n// push {round}\n");
        let commit = git.change_branch(NAME, "main", "Change", &[("index.js", &changed)]);
        let payload = json!({
            "ref": "refs/heads/main", "after": commit,
            "repository": { "clone_url": git.url(NAME), "default_branch": "main" },
            "head_commit": { "id": commit, "message": "Change" }, "sender": { "login": "bench" },
        });
        let hook = Hook::new("push", &format!("push-{round}"), payload.to_string(), SECRET);
        let started = Instant::now();
        let answered = server.hook("/hooks/github", &hook).await;
        let answer = started.elapsed();
        let (status, told) = answered.context("the webhook was not answered")?;
        ensure!(status == 202, "{told}");
        let live = live(&server, NAME, &commit).await?;
        let mut note = |way, milliseconds| lines.push(Line { case: "push", round, way, milliseconds });
        note("answer", answer.as_secs_f64() * 1000.0);
        for (part, _) in PARTS {
            if let Some(milliseconds) = live["timings"][part].as_f64() {
                note(part, milliseconds);
            }
        }
    }
    Ok(lines)
}

/// The deployment of a commit, once it is live.
async fn live(server: &Server, project: &str, commit: &str) -> Result<serde_json::Value> {
    let started = Instant::now();
    loop {
        let listed = server.get(&format!("/projects/{project}/deployments?limit=1")).await;
        let newest = listed["items"][0].clone();
        if newest["commit"]["hash"] == commit {
            match newest["state"].as_str() {
                Some("PRODUCTION") => return Ok(newest),
                Some("FAILED") => anyhow::bail!("{newest:#}"),
                _ => {}
            }
        }
        ensure!(started.elapsed() < PATIENCE, "{newest:#}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn measure(binary: &Path, example: &Example, rounds: usize) -> Result<Vec<Line>> {
    let source = pierhead_testkit::repository_root().join("examples").join(example.name);
    let git = GitServer::of_folders(&[(example.name, &source)]);
    let server = Server::start(&binary.display().to_string()).await;
    let first = server.deploy(json!({ "repository": git.url(example.name) })).await;
    ensure!(first.state() == "PRODUCTION", "{}: {:#}", example.name, first.0);
    let by_hand = ByHand::prepare(example, &source)?;
    let original = fs_err::read_to_string(source.join(example.file))?;
    let mut lines = Vec::new();
    for round in 0..rounds {
        // Different in every run too: the engine keeps what it built before.
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
        let changed = format!("{original}{}", example.added.replace("ROUND", &now.to_string()));
        let mut note = |way, took: Duration| {
            lines.push(Line { case: example.name, round, way, milliseconds: took.as_secs_f64() * 1000.0 });
        };
        git.change(example.name, &[(example.file, &changed)]);
        note("pierhead", deploy(&server, example.name).await?);
        fs_err::write(by_hand.tree.path().join(example.file), &changed)?;
        if example.is_site {
            note("bare build", by_hand.bare_build()?);
        }
        note("image by hand", by_hand.image().await?);
    }
    Ok(lines)
}

/// From the call until the deployment is live.
async fn deploy(server: &Server, project: &str) -> Result<Duration> {
    let started = Instant::now();
    let (status, accepted) =
        server.call("POST", &format!("/projects/{project}/deployments"), Some(json!({}))).await;
    ensure!(status == 202, "{accepted}");
    let path = format!("/deployments/{}", accepted["id"].as_str().unwrap_or_default());
    loop {
        let now = server.get(&path).await;
        match now["state"].as_str() {
            Some("PRODUCTION") => return Ok(started.elapsed()),
            Some("FAILED") => anyhow::bail!("{now:#}"),
            _ => ensure!(started.elapsed() < PATIENCE, "{now:#}"),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The same without Pierhead.
pub(crate) struct ByHand {
    is_site: bool,
    tree: tempfile::TempDir,
    /// Runs all the time, with the dependencies installed.
    container: String,
}

impl ByHand {
    pub(crate) fn prepare(example: &Example, source: &Path) -> Result<Self> {
        let tree = tempfile::tempdir()?;
        command(
            "cp",
            &["--archive", &format!("{}/.", source.display()), &tree.path().display().to_string()],
        )?;
        let runtime = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", "pierhead/node"])?;
        let runtime =
            runtime.lines().find(|image| image.contains(":22-")).context("there is no image of node 22")?;
        fs_err::write(
            tree.path().join("Dockerfile"),
            format!("FROM {runtime}\n{TRUST}{}", example.dockerfile),
        )?;
        fs_err::write(tree.path().join(".dockerignore"), "node_modules\ndist\n")?;
        let mount = format!("{}:/app", tree.path().display());
        fs_err::copy(BUNDLE, tree.path().join("ca.crt"))?;
        let certificates = format!("{BUNDLE}:{BUNDLE}:ro");
        let extra = format!("NODE_EXTRA_CA_CERTS={BUNDLE}");
        let container = docker(&[
            "run",
            "--detach",
            "--user",
            "0",
            "--volume",
            &mount,
            "--volume",
            &certificates,
            "--env",
            &extra,
            runtime,
            "sleep",
            "infinity",
        ])?;
        let by_hand = Self { is_site: example.is_site, tree, container: container.trim().to_owned() };
        docker(&["exec", &by_hand.container, "npm", "install"])?;
        Ok(by_hand)
    }

    /// The command's own time, taken inside the container.
    fn bare_build(&self) -> Result<Duration> {
        let script = "a=$(date +%s%N); npm run build >&2; b=$(date +%s%N); echo $((b - a))";
        let nanoseconds = docker(&["exec", &self.container, "sh", "-ec", script])?;
        Ok(Duration::from_nanos(nanoseconds.trim().parse()?))
    }

    /// A cached build of an image; then its files are copied out, or it runs until it answers.
    async fn image(&self) -> Result<Duration> {
        let folder = self.tree.path().display().to_string();
        let started = Instant::now();
        docker(&["build", "--quiet", "--network", "host", "--tag", IMAGE, &folder])?;
        if self.is_site {
            let made = docker(&["create", IMAGE])?;
            let output: PathBuf = self.tree.path().join("copied");
            docker(&["cp", &format!("{}:/app/dist", made.trim()), &output.display().to_string()])?;
            let took = started.elapsed();
            docker(&["rm", "--force", made.trim()])?;
            return Ok(took);
        }
        let running = docker(&["run", "--detach", IMAGE])?;
        let address = docker(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", running.trim()])?;
        while tokio::net::TcpStream::connect((address.trim(), PORT)).await.is_err() {
            ensure!(started.elapsed() < PATIENCE, "the image does not answer");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let took = started.elapsed();
        docker(&["rm", "--force", running.trim()])?;
        Ok(took)
    }

    /// Builds the image and runs it. The container's id.
    pub(crate) fn run(&self) -> Result<String> {
        let folder = self.tree.path().display().to_string();
        docker(&["build", "--quiet", "--network", "host", "--tag", IMAGE, &folder])?;
        Ok(docker(&["run", "--detach", IMAGE])?.trim().to_owned())
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        // What is gone already cannot be removed.
        let _ = docker(&["rm", "--force", &self.container]);
        let _ = docker(&["image", "rm", "--force", IMAGE]);
    }
}

pub(crate) fn docker(arguments: &[&str]) -> Result<String> {
    command("docker", arguments)
}

fn command(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
