//! `postgres-database` against a real server.

use std::time::Duration;

use pierhead_agent::steps::contract::Action;
use pierhead_agent::steps::plugin::Outcome;
use pierhead_agent::steps::service::{self, Check, Running, Started};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::Harness;
use crate::server::{ADMIN_PASSWORD, Server};

const PLUGIN: &str = "postgres-database";

struct Case {
    harness: Harness,
    server: Server,
    /// A container of the deployment, from which databases are used as services use them.
    client: Running,
}

impl Case {
    fn parameters(&self, more: &Value) -> Value {
        let mut parameters = json!({
            "host": self.harness.host, "port": self.server.port, "user": "pierhead", "password": ADMIN_PASSWORD,
        });
        parameters.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        parameters
    }

    /// What whoever has this URL sees; `None` when it is of no use.
    async fn sql_by_url(&self, url: &str, sql: &str) -> Option<String> {
        let words = [
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--no-password",
            url,
            "--command",
            sql,
        ];
        let engine = &self.harness.lab.engine;
        let limit = Duration::from_secs(120);
        let executed = engine.exec(&self.client.id, &words.map(str::to_owned), limit).await.unwrap();
        let text = String::from_utf8(executed.output.to_vec()).unwrap();
        (executed.code == 0).then(|| text.trim_end_matches('\n').to_owned())
    }

    /// Databases and users beside the server's own.
    fn there(&self) -> (String, String) {
        let databases =
            "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1";
        let users =
            "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'pierhead' ORDER BY 1";
        (self.server.sql("postgres", databases), self.server.sql("postgres", users))
    }

    fn nothing_is_there(&self) {
        assert_eq!(self.there(), (String::new(), String::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_made_once_and_removed_whatever_they_are_called() {
    let harness = Harness::new(10).await;
    let server = Server::start("plugin-database", harness.subnet());
    let mut client = harness.lab.service("client", &harness.runtime().await, Check::Process);
    client.entrypoint = Some(vec!["sleep".into(), "3600".into()]);
    let started = service::start(&harness.lab.context, &client, &CancellationToken::new()).await.unwrap();
    let Started::Healthy(client) = started else { panic!("{started:?}") };
    let case = Case { harness, server, client };
    made_twice_and_destroyed_twice(&case).await;
    half_done(&case).await;
    of_somebody_else(&case).await;
    hostile(&case).await;
    refusals(&case).await;
    case.harness.sweep().await;
}

async fn made_twice_and_destroyed_twice(case: &Case) {
    let parameters = case.parameters(&json!({}));
    let first = case.harness.create(PLUGIN, &parameters).await;
    let url = first["url"].as_str().unwrap();
    let user = case.sql_by_url(url, "CREATE TABLE t (n int); SELECT current_user").await;
    assert_eq!(user.as_deref(), first["user"].as_str());
    let second = case.harness.create(PLUGIN, &parameters).await;
    assert_eq!((&first["database"], &first["user"]), (&second["database"], &second["user"]));
    let url = second["url"].as_str().unwrap();
    assert_eq!(
        case.sql_by_url(url, "SELECT count(*) FROM t").await.as_deref(),
        Some("0"),
        "the same database"
    );

    // Somebody is still connected while it goes.
    let sleeping = case.sql_by_url(url, "SELECT pg_sleep(600)");
    let connected =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = {}", quoted(&first["database"]));
    let removing = async {
        while case.server.sql("postgres", &connected) == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        case.harness.destroy(PLUGIN, &parameters).await;
    };
    let (ended, ()) = tokio::join!(sleeping, removing);
    assert_eq!(ended, None, "its connection was ended");
    case.nothing_is_there();
    let told = case.harness.destroy(PLUGIN, &parameters).await;
    assert!(told.contains("there is no user"), "{told}");
}

fn quoted(name: &Value) -> String {
    format!("'{}'", name.as_str().unwrap().replace('\'', "''"))
}

async fn half_done(case: &Case) {
    let parameters = case.parameters(&json!({"name": "orders"}));
    let mark = format!("pierhead {}/made", case.harness.lab.place.deployment);
    let died_after_the_user = format!("CREATE ROLE orders; COMMENT ON ROLE orders IS '{mark}'");
    case.server.sql("postgres", &died_after_the_user);
    case.harness.destroy(PLUGIN, &parameters).await;
    case.nothing_is_there();

    case.server.sql("postgres", &died_after_the_user);
    let outputs = case.harness.create(PLUGIN, &parameters).await;
    let url = outputs["url"].as_str().unwrap();
    assert!(case.sql_by_url(url, "SELECT 1").await.is_some(), "it is finished");
    case.harness.destroy(PLUGIN, &parameters).await;
    case.nothing_is_there();
}

async fn of_somebody_else(case: &Case) {
    case.server.sql("postgres", "CREATE ROLE payroll");
    let parameters = case.parameters(&json!({"name": "payroll"}));
    let told = case.harness.refused(PLUGIN, &parameters, 73).await;
    assert!(told.contains("there is a user \"payroll\" already"), "{told}");
    case.harness.destroy(PLUGIN, &parameters).await;
    assert_eq!(case.there().1, "payroll", "it stays");

    case.server.sql("postgres", "CREATE DATABASE payroll OWNER payroll");
    let parameters = case.parameters(&json!({"name": "payroll", "owner": "mine"}));
    let told = case.harness.refused(PLUGIN, &parameters, 73).await;
    assert!(told.contains("there is a database \"payroll\" already"), "{told}");
    case.harness.destroy(PLUGIN, &parameters).await;
    assert_eq!(case.there(), ("payroll".into(), "payroll".into()), "only what it made is gone");
    case.server.sql("postgres", "DROP DATABASE payroll");
    case.server.sql("postgres", "DROP ROLE payroll");
}

async fn hostile(case: &Case) {
    for name in [
        "we\"ird'; DROP DATABASE postgres; --",
        "two\nlines\n",
        "$(touch /tmp/x) `id` \\ \\! id",
        "-v --help",
        "größe ☃",
        ":name :'user' %I",
    ] {
        let password = format!("{name}@:/?#%");
        let parameters = case.parameters(&json!({"name": name, "owner_password": password}));
        let outputs = case.harness.create(PLUGIN, &parameters).await;
        assert_eq!((&outputs["database"], &outputs["password"]), (&name.into(), &password.clone().into()));
        let url = outputs["url"].as_str().unwrap();
        let seen = case.sql_by_url(url, "SELECT json_build_array(current_database(), current_user)").await;
        let seen: Value = serde_json::from_str(&seen.expect(url)).unwrap();
        assert_eq!(seen, json!([name, name]));
        case.harness.destroy(PLUGIN, &parameters).await;
        case.nothing_is_there();
    }
    for name in ["x".repeat(64), "é".repeat(32), "nul\0".to_owned()] {
        case.harness.refused(PLUGIN, &case.parameters(&json!({"name": name})), 64).await;
    }
    for host in ["/tmp", "a,b", "@abstract"] {
        case.harness.refused(PLUGIN, &case.parameters(&json!({"host": host})), 64).await;
    }
    case.nothing_is_there();
}

async fn refusals(case: &Case) {
    let told = case.harness.refused(PLUGIN, &case.parameters(&json!({"password": "wrong"})), 77).await;
    assert!(told.contains("password authentication failed"), "{told}");
    case.harness.refused(PLUGIN, &case.parameters(&json!({"port": 1})), 69).await;

    case.server.sql("postgres", "CREATE ROLE guest LOGIN PASSWORD 'guest'");
    let guest = case.parameters(&json!({"user": "guest", "password": "guest"}));
    let told = case.harness.refused(PLUGIN, &guest, 77).await;
    assert!(told.contains("permission denied"), "{told}");
    case.server.sql("postgres", "DROP ROLE guest");

    // Whoever may make databases and users needs to be no more than that; the password may come as a secret.
    case.server.sql("postgres", "CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'made'");
    let mut parameters = case.parameters(&json!({"user": "maker"}));
    parameters.as_object_mut().unwrap().remove("password");
    for action in [Action::Create, Action::Destroy] {
        let mut attempt = case.harness.attempt(PLUGIN, action, &parameters).await;
        attempt.input.secrets.insert("POSTGRES_PASSWORD".into(), "made".into());
        let outcome = case.harness.outcome(&attempt).await;
        assert!(
            matches!(outcome, Outcome::Succeeded(_)),
            "{outcome:?} {:?}",
            case.harness.lab.memory.printed()
        );
    }
    case.server.sql("postgres", "DROP ROLE maker");
    case.nothing_is_there();
}
