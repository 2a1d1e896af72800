//! What an admin gave a service is really there, and what nobody gave is not.

use pierhead_testkit::Server;
use serde_json::{Value, json};

use super::{BINARY, deploy, project};

const PIPELINE: &str = r#"
version: 1
steps:
  plain:
    kind: service
    image: pierhead/node:22
    command: [node, -e, "setInterval(() => 0, 1000)"]
    stop_grace_s: 0
  given:
    kind: service
    image: pierhead/node:22
    command: [node, -e, "require('http').createServer((request, response) => response.end(require('fs').readFileSync('/given/file'))).listen(8080)"]
    public: 8080
    stop_grace_s: 0
    privileges:
      capabilities: [NET_ADMIN]
      host_processes: true
      devices: [/dev/null]
      host_mounts: [{ source: FOLDER, path: /given, read_only: true }]
"#;

fn host_config(container: &str) -> Value {
    let arguments = ["inspect", "--format", "{{json .HostConfig}}", container];
    let output = std::process::Command::new("docker").args(arguments).output().expect("the engine's command");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no container {container}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn run_9_what_an_admin_gave_is_there_and_nothing_else() {
    let server = Server::start(BINARY).await;
    let folder = server.data_dir().join("given");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("file"), "of the node").expect("a file");
    project(&server, "given", &PIPELINE.replace("FOLDER", &folder.to_string_lossy())).await;
    let live = deploy(&server, "given", json!({ "slot": "qa" })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    server.until_visit("given.qa.local.localhost", |_, text| text == "of the node").await;

    let given = host_config(&server.container_of(live.id(), "given"));
    assert!(given["CapAdd"].to_string().contains("NET_ADMIN"), "{given:#}");
    assert_eq!((&given["PidMode"], &given["Privileged"]), (&json!("host"), &json!(false)));
    assert_eq!(given["Devices"][0]["PathOnHost"], "/dev/null");
    let plain = host_config(&server.container_of(live.id(), "plain"));
    assert!(!plain["CapAdd"].to_string().contains("NET_ADMIN"), "{plain:#}");
    assert_eq!((&plain["PidMode"], &plain["Devices"]), (&json!(""), &Value::Null));
    assert_eq!(plain["Mounts"], Value::Null);
    server.verify().await;
}
