//! Secrets on their way into a container, past the engine.
//!
//! An engine writes down a container's environment and shows it to whoever may ask (`docker inspect`). So variables with
//! secrets in them are taken out of what it is told, and our own first process (`init/main.rs`, a static program that is
//! mounted) gets them through standard input at each start. The engine passes the bytes on and keeps none.
//!
//! A start that is cut before everything was handed over ends the container by itself: the pipe closes, the first process
//! sees that the end is missing, and whoever keeps the container starts it again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::spec::{ContainerSpec, Mount};
use pierhead_engine::state::{Container, ContainerId, State};
use pierhead_engine::{Engine, Error as EngineError};
use tokio::io::AsyncWriteExt as _;

/// Where the program is in the container.
const PROGRAM: &str = "/.pierhead-init";
/// On a container: it waits for its variables at each start.
const LABEL: &str = "pierhead.handover";
/// A first process that does not read is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a container's first process is handed. It shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Handover(Vec<u8>);

impl std::fmt::Debug for Handover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handover([secret])")
    }
}

impl Handover {
    fn add(&mut self, kind: &str, text: &[&str]) {
        self.0.extend_from_slice(kind.as_bytes());
        for part in text {
            self.0.extend_from_slice(part.as_bytes());
        }
        self.0.push(0);
    }
}

/// Takes everything with a secret in it out of a spec, which is then complete for [`start`].
///
/// Without any, the spec stays as it is. A secret of one letter takes more with it than it must, which does no harm.
pub(crate) async fn conceal(
    engine: &dyn Engine,
    program: &Path,
    mut spec: ContainerSpec,
    secrets: &[&str],
) -> pierhead_engine::Result<(ContainerSpec, Option<Handover>)> {
    let secrets: Vec<&str> = secrets.iter().copied().filter(|secret| !secret.is_empty()).collect();
    let is_secret = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    let values = spec.env.iter().map(|(_, value)| value);
    let words = [&spec.entrypoint, &spec.command].into_iter().flatten().flatten();
    let needed = values.chain(words).any(|text| is_secret(text));
    if !needed {
        return Ok((spec, None));
    }
    let mut handover = Handover(Vec::new());
    let (concealed, plain): (Vec<_>, Vec<_>) = spec.env.into_iter().partition(|(_, value)| is_secret(value));
    spec.env = plain;
    for (key, value) in &concealed {
        handover.add("e:", &[key, "=", value]);
    }
    let program_line = program_line(engine, &spec).await?;
    spec.command = if program_line.iter().any(|word| is_secret(word)) {
        for word in &program_line {
            handover.add("a:", &[word]);
        }
        Some(Vec::new())
    } else {
        Some(program_line)
    };
    handover.0.push(0);
    spec.entrypoint = Some(vec![PROGRAM.to_owned(), "start".to_owned()]);
    spec.stdin = true;
    spec.labels.insert(LABEL.to_owned(), "1".to_owned());
    spec.mounts.push(Mount::Bind { source: program.to_owned(), target: PROGRAM.to_owned(), read_only: true });
    Ok((spec, Some(handover)))
}

/// What the container would run, the image's own words included. Another entrypoint drops the image's arguments.
async fn program_line(engine: &dyn Engine, spec: &ContainerSpec) -> pierhead_engine::Result<Vec<String>> {
    let (entrypoint, command) = match (&spec.entrypoint, &spec.command) {
        (Some(entrypoint), command) => (entrypoint.clone(), command.clone().unwrap_or_default()),
        (None, command) => {
            let image = engine.image_inspect(&spec.image).await?.config;
            (image.entrypoint, command.clone().unwrap_or(image.command))
        }
    };
    Ok(entrypoint.into_iter().chain(command).collect())
}

/// Whether a container has to be given something at each start.
pub(crate) fn is_needed(container: &Container) -> bool {
    container.labels.contains_key(LABEL)
}

/// Starts a container, and hands over what it waits for. One that runs is left alone: it has what it needs, or ends by itself.
pub(crate) async fn start(
    engine: Arc<dyn Engine>,
    id: ContainerId,
    handover: Option<Handover>,
) -> pierhead_engine::Result<()> {
    let found = engine.inspect(&id).await?;
    if matches!(found.state, State::Running { .. } | State::Paused { .. }) || !is_needed(&found) {
        return engine.start(&id).await;
    }
    let Some(Handover(bytes)) = handover else {
        return Err(EngineError::Refused {
            reason: "the container waits for secrets, and there are none any more: deploy it again"
                .to_owned(),
        });
    };
    let mut stdin = engine.open_stdin(&id).await?;
    engine.start(&id).await?;
    let handed = async {
        stdin.write_all(&bytes).await?;
        stdin.shutdown().await
    };
    match tokio::time::timeout(PATIENCE, handed).await {
        Ok(Ok(())) => {}
        // It has ended, or will: whoever waits for it learns how.
        Ok(Err(error)) => tracing::debug!(container = %id, %error, "a container did not take its variables"),
        Err(_) => tracing::warn!(container = %id, "a container did not read its variables in time"),
    }
    Ok(())
}

/// A command that is run inside of a container, with the variables of its program.
pub(crate) fn inside(container: &Container, command: &[String]) -> Vec<String> {
    let before = if is_needed(container) { &[PROGRAM, "exec"][..] } else { &[] };
    before.iter().map(|word| (*word).to_owned()).chain(command.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use pierhead_engine::spec::{Limits, Profile};

    use super::*;

    fn spec(env: &[(&str, &str)], entrypoint: &[&str], command: &[&str]) -> ContainerSpec {
        let mut spec = ContainerSpec::new("web", "image", Profile::Service, Limits::new(1 << 20, 100, 10));
        spec.env = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        spec.entrypoint = words(entrypoint);
        spec.command = words(command);
        spec
    }

    async fn concealed(spec: ContainerSpec, secrets: &[&str]) -> (ContainerSpec, Option<Handover>) {
        use pierhead_engine::simulated::{Mode, SimulatedEngine};
        let engine = SimulatedEngine::new(Mode::Automatic, pierhead_model::Timestamp::now());
        conceal(&engine, Path::new("/init"), spec, secrets).await.unwrap()
    }

    #[tokio::test]
    async fn what_the_engine_is_told_holds_no_secret() {
        let plain = spec(&[("A", "1")], &["/entry"], &["serve"]);
        let (left, nothing) = concealed(plain.clone(), &["hunter2", ""]).await;
        assert_eq!((left, nothing), (plain, None));

        let url = "postgres://u:hunter2@db/x";
        let (told, handover) =
            concealed(spec(&[("A", "1"), ("URL", url)], &["/entry"], &["serve"]), &["hunter2"]).await;
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
        assert_eq!(told.env, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(told.entrypoint.unwrap(), [PROGRAM, "start"]);
        assert_eq!(told.command.unwrap(), ["/entry", "serve"]);
        assert_eq!(handover.unwrap().0, format!("e:URL={url}\0\0").as_bytes());

        let (told, handover) = concealed(spec(&[], &["/entry"], &["--key=hunter2"]), &["hunter2"]).await;
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
        assert_eq!(handover.unwrap().0, b"a:/entry\0a:--key=hunter2\0\0");
    }

    /// The program itself, with a `/dev/shm` of its own.
    fn run(input: &[u8], arguments: &[&str]) -> (Option<i32>, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let program = crate::programs::INIT.install(folder.path()).unwrap();
        let within = "mkdir -p /tmp/pierhead-init-test && mount -t tmpfs none /tmp/pierhead-init-test && \
            for part in bin dev lib lib64 usr; do \
            mkdir /tmp/pierhead-init-test/$part; mount --rbind /$part /tmp/pierhead-init-test/$part; done && \
            mount -t tmpfs none /tmp/pierhead-init-test/dev/shm && \
            cp \"$0\" /tmp/pierhead-init-test/init && exec chroot /tmp/pierhead-init-test /init \"$@\"";
        let mut child = Command::new("unshare")
            .args(["--mount", "sh", "-c", within])
            .arg(&program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _closed = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    #[test]
    fn values_arrive_byte_for_byte_and_nothing_beside_them() {
        let values = ["a\nADMIN=1", "$HOME", "#x", "'\"`", "💡", "\\", "", " a:b e:c "];
        let mut input = Vec::new();
        for (number, value) in values.iter().enumerate() {
            input.extend(format!("e:V{number}={value}\0").into_bytes());
        }
        input.push(0);
        let (code, told, said) = run(&input, &["start", "/usr/bin/env", "-0"]);
        assert_eq!(code, Some(0), "{said}");
        let mut wanted: Vec<String> =
            values.iter().enumerate().map(|(number, value)| format!("V{number}={value}")).collect();
        wanted.push("PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        let mut got: Vec<String> = told.split_terminator('\0').map(str::to_owned).collect();
        got.retain(|entry| {
            !entry.starts_with("PWD=") && !entry.starts_with("_=") && !entry.starts_with("OLDPWD=")
        });
        wanted.sort();
        got.sort();
        assert_eq!(got, wanted);
    }

    #[test]
    fn a_handover_that_was_cut_starts_nothing() {
        for cut in [&b""[..], b"e:A=hunter2", b"e:A=hunter2\0"] {
            let (code, told, said) = run(cut, &["start", "/bin/echo", "ran"]);
            assert_eq!((code, told.as_str()), (Some(125), ""), "{said}");
            assert!(said.contains("did not arrive") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_program_is_found_run_and_named_when_it_is_missing() {
        let whole = b"e:A=hunter2\0\0";
        let (code, told, _) = run(whole, &["start", "sh", "-c", "echo $A; cat; exit 7"]);
        assert_eq!((code, told.as_str()), (Some(7), "hunter2\n"), "with an empty standard input");
        let (code, _, said) = run(whole, &["start", "/missing"]);
        assert_eq!(code, Some(127));
        assert!(said.contains("/missing cannot be run") && !said.contains("hunter2"), "{said}");
        let (code, told, _) = run(b"a:echo\0a:from the input\0\0", &["start", "false"]);
        assert_eq!((code, told.as_str()), (Some(0), "from the input\n"));
        assert_eq!(run(whole, &["start"]).0, Some(127));
        assert_eq!(run(whole, &["exec", "true"]).0, Some(125), "nothing was kept before");
    }
}
