//! Replicas of a service over several nodes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, NodeAgent, Server, Wire};
use serde_json::{Value, json};

use super::{BINARY, World, add};

/// A store that only one node runs, and a front on several that asks it by its name.
const SHARED: &str = r#"
version: 1
steps:
  secret:
    kind: service
    image: pierhead/node:22
    command: [node, -e, "require('http').createServer((request, response) => response.end('kept')).listen(5000)"]
    ports: [5000]
    stop_grace_s: 1
  web:
    kind: service
    needs: [secret]
    image: pierhead/node:22
    command:
      - node
      - -e
      - |
        require('http').createServer(async (request, response) => {
            const answer = await fetch(process.env.STORE).catch(error => ({ text: () => String(error.cause ?? error) }));
            response.end(require('os').hostname() + ' ' + await answer.text());
        }).listen(8080, () => console.log('listening'))
    public: 8080
    replicas: 3
    variables: { STORE: "http://${{ steps.secret.outputs.host }}:5000/" }
    stop_grace_s: 1
"#;
const HOST: &str = "web.qa.local.localhost";
const VISITS: usize = 12;

impl World {
    /// Both nodes take work.
    async fn of_two() -> Self {
        let git = GitServer::start(&[("page", &[("index.html", "hello")])]);
        let server = Server::start(BINARY).await;
        let wire = Wire::lay();
        let mut agent = NodeAgent::unstarted(BINARY);
        let address = format!("{}:{}", wire.far(), agent.port);
        agent.is(&add(&server, json!({ "name": "far", "address": address })).await);
        agent.boot();
        let world = Self { server, agent, wire, git };
        world.until_node("online", Duration::from_secs(20)).await;
        world
    }

    async fn of_three() -> (Self, NodeAgent) {
        let world = Self::of_two().await;
        let mut third = NodeAgent::unstarted(BINARY);
        let address = format!("127.0.0.1:{}", third.port);
        third.is(&add(&world.server, json!({ "name": "third", "address": address })).await);
        third.boot();
        let begun = Instant::now();
        while world.server.get("/nodes/third").await["status"] != "online" {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", third.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (world, third)
    }

    async fn begin_shared(&self) -> String {
        let (status, made) = self.server.call("POST", "/projects", Some(json!({ "name": "shared" }))).await;
        assert_eq!(status, 201, "{made}");
        let saved = self.server.put_text("/projects/shared/pipeline", "application/yaml", SHARED).await;
        assert_eq!(saved.0, 201, "{:#}", saved.1);
        let asked = json!({ "slot": "qa" });
        let (status, accepted) = self.server.call("POST", "/projects/shared/deployments", Some(asked)).await;
        assert_eq!(status, 202, "{accepted:#}");
        accepted["id"].as_str().unwrap_or_default().to_owned()
    }

    async fn deploy_shared(&self) -> String {
        let id = self.begin_shared().await;
        let live = self.server.settled(&id).await;
        assert_eq!(live.state(), "PRODUCTION", "{:#}\n{}\n{}", live.0, self.server.log(), self.agent.log());
        id
    }

    /// Who answers a few visits. Every one of them is answered, and by somebody who reaches the store.
    async fn answering(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for _ in 0..VISITS {
            let (status, said) = self.server.visit(HOST, "/").await;
            let name = said.strip_suffix(" kept");
            assert_eq!((status, name.is_some()), (200, true), "{said}\n{}", self.agent.log());
            names.insert(name.unwrap_or_default().to_owned());
        }
        names
    }

    async fn until_everybody_reaches_the_store(&self) {
        let begun = Instant::now();
        let mut well = 0;
        while well < VISITS {
            let (status, said) = self.server.visit(HOST, "/").await;
            well = if status == 200 && said.ends_with(" kept") { well + 1 } else { 0 };
            assert!(begun.elapsed() < Duration::from_secs(60), "{status} {said}\n{}", self.agent.log());
        }
    }

    async fn until_answered_by(&self, count: usize) {
        let begun = Instant::now();
        while self.answering().await.len() != count {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "not answered by {count}\n{}",
                self.agent.log()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_6_replicas_are_on_two_nodes_and_reach_the_others_of_their_deployment_by_name() {
    let mut world = World::of_two().await;
    let id = world.deploy_shared().await;
    world.until_answered_by(3).await;
    let deployment = world.server.get(&format!("/deployments/{id}")).await;
    let share = &deployment["shares"][0];
    assert_eq!(
        (share["status"].as_str(), &deployment["shares"][1]),
        (Some("healthy"), &Value::Null),
        "{deployment:#}"
    );
    let (leading, sharing) = (deployment["node"].as_str(), share["node"].as_str());
    assert!(leading != sharing && [leading, sharing].contains(&Some(world.agent.id())), "{deployment:#}");
    // Each node's log is its own.
    let log = world.server.get(&format!("/deployments/{id}/logs?node={}", sharing.unwrap_or_default())).await;
    let said: Vec<_> = log["lines"].as_array().into_iter().flatten().map(|line| &line["text"]).collect();
    let replicas = share["replicas"]["web"].as_array().map_or(0, Vec::len);
    assert_eq!(said.iter().filter(|text| **text == "listening").count(), replicas, "{log:#}");
    let far = world.node().await;
    assert_eq!(far["allocated"]["deployments"], 1, "{far:#}");

    // The agent of the other node is killed: what runs there runs on, and its store is within reach again when it is back.
    world.agent.kill();
    world.agent.boot();
    world.until_node("online", Duration::from_secs(20)).await;
    world.until_everybody_reaches_the_store().await;
    world.until_answered_by(3).await;
    world.server.verify().await;

    let (status, _) = world.server.call("DELETE", "/projects/shared/slots/qa", None).await;
    assert_eq!(status, 202);
    world.server.until_engine_holds_only(&[]).await;
    let begun = Instant::now();
    while world.node().await["allocated"]["deployments"] != 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:#}", world.node().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_6_a_node_that_is_cut_off_is_missed_by_nobody_and_a_share_that_cannot_start_fails_the_deployment()
{
    let world = World::of_two().await;
    let id = world.deploy_shared().await;
    world.until_answered_by(3).await;
    let deployment = world.server.get(&format!("/deployments/{id}")).await;
    let far_leads = deployment["node"] == world.agent.id();
    let shared = deployment["shares"][0]["replicas"]["web"].as_array().map_or(0, Vec::len);
    let here = if far_leads { shared } else { 3 - shared };

    // Whoever is left answers; without the node that leads, without the store that only that one runs.
    world.wire.cut();
    world.until_node("offline", Duration::from_secs(15)).await;
    let begun = Instant::now();
    let mut left = BTreeSet::new();
    let mut well = 0;
    while well < VISITS {
        let (status, said) = world.server.visit(HOST, "/").await;
        let (name, store) = said.split_once(' ').unwrap_or_default();
        well = if status == 200 && (far_leads || store == "kept") { well + 1 } else { 0 };
        left.insert(name.to_owned());
        assert!(begun.elapsed() < Duration::from_secs(5), "{status} {said}\n{}", world.server.log());
    }
    assert!(left.len() >= here, "{left:?}");
    world.wire.heal();
    world.until_node("online", Duration::from_secs(30)).await;
    world.until_everybody_reaches_the_store().await;
    world.until_answered_by(3).await;

    // From another node a service is reached where its pipeline says that it listens, and nowhere else.
    let check = "fetch('http://secret:5001/').then(() => process.exit(0), () => process.exit(1))";
    let health = format!(
        "    public: 8080\n    health: {{ check: {{ kind: command, command: [node, -e, \"{check}\"] }} }}\n    startup_timeout_s: 6\n"
    );
    let fails = SHARED.replace("    public: 8080\n", &health).replace(
        "response.end('kept')).listen(5000)",
        "response.end('kept')).listen(5000); require('http').createServer((request, response) => response.end()).listen(5001)",
    );
    assert!(fails.contains("listen(5001)") && fails.contains("fetch('http://secret:5001/')"), "{fails}");
    let (status, saved) =
        world.server.put_text("/projects/shared/pipeline", "application/yaml", &fails).await;
    assert_eq!(status, 201, "{saved:#}");
    let (status, accepted) =
        world.server.call("POST", "/projects/shared/deployments", Some(json!({ "slot": "qa" }))).await;
    assert_eq!(status, 202, "{accepted:#}");
    let ended = world.server.settled(accepted["id"].as_str().unwrap_or_default()).await;
    assert_eq!((ended.state(), ended.reason()), ("FAILED", "startup_timeout"), "{:#}", ended.0);
    // What was live before is live, on both nodes.
    world.until_answered_by(3).await;
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_dies_between_planning_shares_and_placing_plans_them_anew() {
    let mut world = World::of_two().await;
    world.server.kill();
    world.server.boot_armed("control.shares_planned").await;
    world.until_node("online", Duration::from_secs(30)).await;
    let id = world.begin_shared().await;
    assert!(world.server.died_within(Duration::from_secs(30)).await, "{}", world.server.log());
    world.server.boot(&[]).await;
    let live = world.server.settled(&id).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    world.until_answered_by(3).await;
    let shares =
        world.server.get(&format!("/deployments/{id}")).await["shares"].as_array().map_or(0, Vec::len);
    assert!(shares <= 1, "planned once");
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_6_a_share_leaves_a_node_that_is_drained_and_no_visitor_notices() {
    let (world, _third) = World::of_three().await;
    let id = world.deploy_shared().await;
    world.until_answered_by(3).await;
    let deployment = world.server.get(&format!("/deployments/{id}")).await;
    assert_eq!(deployment["shares"].as_array().map_or(0, Vec::len), 2, "a replica each: {deployment:#}");
    let leaves = deployment["shares"][0]["node"].as_str().unwrap_or_default().to_owned();
    let (status, said) = world.server.call("POST", &format!("/nodes/{leaves}/drain"), None).await;
    assert!(status < 300, "{said:#}");

    let begun = Instant::now();
    loop {
        world.answering().await;
        let node = world.server.get(&format!("/nodes/{leaves}")).await;
        if node["allocated"]["deployments"] == 0 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "{node:#}\n{}", world.server.log());
    }
    world.until_answered_by(3).await;
    let deployment = world.server.get(&format!("/deployments/{id}")).await;
    let shares = deployment["shares"].as_array().cloned().unwrap_or_default();
    assert_eq!(shares.len(), 2, "{deployment:#}");
    assert!(shares.iter().all(|share| share["node"] != leaves.as_str()), "{deployment:#}");
    world.server.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_6_the_share_of_a_lost_node_begins_elsewhere() {
    let (mut world, mut third) = World::of_three().await;
    let id = world.deploy_shared().await;
    world.until_answered_by(3).await;
    let shares = world.server.get(&format!("/deployments/{id}")).await["shares"].clone();
    let has_share = |node: &str| shares.as_array().into_iter().flatten().any(|share| share["node"] == node);
    // This machine's own node cannot be lost; of the two others at least one does not lead.
    let lost = if has_share(third.id()) { &mut third } else { &mut world.agent };
    let lost_id = lost.id().to_owned();
    lost.kill();
    let begun = Instant::now();
    while world.server.get(&format!("/nodes/{lost_id}")).await["status"] != "offline" {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", world.server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, said) = world.server.call("DELETE", &format!("/nodes/{lost_id}?lost=true"), None).await;
    assert!(status < 300, "{said:#}");
    world.until_answered_by(3).await;
    let shares = world.server.get(&format!("/deployments/{id}")).await["shares"].clone();
    let nodes: Vec<_> = shares.as_array().into_iter().flatten().map(|share| &share["node"]).collect();
    assert!(nodes.len() == 2 && nodes.iter().all(|node| **node != lost_id.as_str()), "{shares:#}");
}
