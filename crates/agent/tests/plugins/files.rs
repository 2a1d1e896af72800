//! `seed-files` into a real volume.

use pierhead_agent::steps::contract::Action;
use pierhead_agent::steps::plugin::Outcome;
use pierhead_agent::steps::service::{self, Check, SlotVolume, Started};
use pierhead_agent::steps::{end, service::remove_volumes};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::Harness;

const PLUGIN: &str = "seed-files";

/// A service that has the volume, in which commands are run to look at it.
struct Looker<'h> {
    harness: &'h Harness,
    id: pierhead_engine::state::ContainerId,
    container: String,
}

impl<'h> Looker<'h> {
    async fn new(harness: &'h Harness) -> Self {
        let mut service = harness.lab.service("looker", &harness.runtime().await, Check::Process);
        service.entrypoint = Some(vec!["sleep".into(), "3600".into()]);
        service.user = Some("0:0".into());
        service.volumes.clone_from(&harness.volumes);
        let started =
            service::start(&harness.lab.context, &service, &CancellationToken::new()).await.unwrap();
        let Started::Healthy(running) = started else { panic!("{started:?}") };
        Self { harness, id: running.id, container: service.container() }
    }

    async fn sees(&self, command: &[&str]) -> String {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let limit = std::time::Duration::from_secs(60);
        let executed = self.harness.lab.engine.exec(&self.id, &command, limit).await.unwrap();
        String::from_utf8(executed.output.to_vec()).unwrap()
    }

    async fn files(&self) -> String {
        self.sees(&["find", "/data", "-mindepth", "1", "-printf", "%P %m\\n"]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_put_there_once_and_taken_away_unless_changed() {
    let mut harness = Harness::new(12).await;
    harness.volumes = vec![SlotVolume { name: "data".into(), path: "/data".into(), read_only: false }];
    let looker = Looker::new(&harness).await;

    let hostile = "$(id) 'quotes\" ;\nline\n";
    let seed = json!({
        "files": {"config/app.toml": "a = 1\n", hostile: "hostile\n", "-rf": "no newline"},
        "files_base64": {"bin/data": "AAH/Cg=="},
    });
    for _ in 0..2 {
        assert_eq!(harness.create(PLUGIN, &seed).await["files"], 4);
    }
    assert_eq!(looker.sees(&["cat", "/data/config/app.toml", "/data/-rf"]).await, "a = 1\nno newline");
    assert_eq!(looker.sees(&["cat", &format!("/data/{hostile}")]).await, "hostile\n");
    assert_eq!(looker.sees(&["od", "-An", "-tx1", "/data/bin/data"]).await.trim(), "00 01 ff 0a");
    assert!(looker.files().await.contains("config 755\nconfig/app.toml 644\n"), "{}", looker.files().await);

    // Nothing of somebody else is replaced, and then nothing at all is written.
    let other = json!({"files": {"new": "x", "config/app.toml": "a = 2\n"}});
    let told = harness.refused(PLUGIN, &other, 73).await;
    assert!(told.contains("config/app.toml\" is in the volume already"), "{told}");
    assert!(!looker.files().await.contains("new"));
    let over = json!({"files": {"config/app.toml": "a = 2\n"}, "overwrite": true, "mode": "0600"});
    harness.create(PLUGIN, &over).await;
    assert!(looker.files().await.contains("config/app.toml 600\n"));

    // What was changed since stays.
    for _ in 0..2 {
        harness.destroy(PLUGIN, &seed).await;
    }
    assert_eq!(looker.files().await, "config 755\nconfig/app.toml 600\n");
    harness.destroy(PLUGIN, &over).await;
    assert_eq!(looker.files().await, "", "empty folders go with the last file");

    // A half-done create: some are there, one was being written.
    looker
        .sees(&[
            "sh",
            "-c",
            "mkdir /data/config; printf 'a = 1\\n' > /data/config/app.toml; touch /data/.pierhead-seed",
        ])
        .await;
    harness.destroy(PLUGIN, &seed).await;
    assert_eq!(looker.files().await, "");

    for path in ["/etc/passwd", "../up", "a/../../b", "a//b", "folder/", ".", ""] {
        let told = harness.refused(PLUGIN, &json!({"files": {path: "x"}}), 64).await;
        assert!(told.contains("is not a path below the volume"), "{told}");
    }
    for bad in [
        json!({"files": []}),
        json!({"files": {"a": 1}}),
        json!({"files_base64": {"a": "***"}}),
        json!({"files": {"a": "x"}, "mode": "u+s"}),
        json!({"files": {"a": "x"}, "folder": "/elsewhere"}),
        json!({"files": {"a": "x"}, "folder": "/data/../etc"}),
    ] {
        harness.refused(PLUGIN, &bad, 64).await;
    }
    assert_eq!(looker.files().await, "");

    // A link that somebody left in the volume leads nowhere: the rest of the file system cannot be written.
    looker.sees(&["ln", "-s", "/etc", "/data/link"]).await;
    let attempt = harness.attempt(PLUGIN, Action::Create, &json!({"files": {"link/x": "x"}})).await;
    let outcome = harness.outcome(&attempt).await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");

    end::remove(&harness.lab.context, &looker.container).await.unwrap();
    remove_volumes(&harness.lab.context, &harness.lab.place).await.unwrap();
    assert_eq!(harness.lab.held().await, Vec::<String>::new());
    harness.sweep().await;
}
