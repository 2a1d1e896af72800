//! `run-sql` against a real server.

use serde_json::{Value, json};

use crate::harness::Harness;
use crate::server::{ADMIN_PASSWORD, Server};

const PLUGIN: &str = "run-sql";

#[tokio::test(flavor = "multi_thread")]
async fn sql_is_run_once_and_wholly() {
    let harness = Harness::new(11).await;
    let server = Server::start("plugin-sql", harness.subnet());
    let parameters = |more: &Value| {
        let mut parameters = json!({
            "host": harness.host, "port": server.port, "user": "pierhead", "password": ADMIN_PASSWORD,
            "database": "postgres",
        });
        parameters.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        parameters
    };
    let forget = || server.sql("postgres", "DROP SCHEMA IF EXISTS pierhead_steps CASCADE");

    // Once, however often it is asked for: the answer of the first attempt may have been lost.
    let notes =
        "CREATE TABLE notes (text text);\nINSERT INTO notes VALUES ('O''Brien; \"$(id)\" \\! :key');\n";
    let dump = "COPY notes (text) FROM stdin;\nfrom a dump\n\\.\n";
    let load = parameters(&json!({"sql": format!("{notes}{dump}"), "destroy_sql": "DROP TABLE notes"}));
    for applied in [true, false, false] {
        assert_eq!(harness.create(PLUGIN, &load).await["applied"], applied);
    }
    let rows = server.sql("postgres", "SELECT text FROM notes ORDER BY length(text)");
    assert_eq!(rows, "from a dump\nO'Brien; \"$(id)\" \\! :key");
    for _ in 0..2 {
        harness.destroy(PLUGIN, &load).await;
    }
    assert_eq!(server.sql("postgres", "SELECT to_regclass('notes') IS NULL"), "t");
    let told = harness.destroy(PLUGIN, &parameters(&json!({"sql": "SELECT 1"}))).await;
    assert!(told.contains("no `destroy_sql`"), "{told}");

    // All or nothing.
    forget();
    let broken = parameters(&json!({"sql": "CREATE TABLE half (n int);\nINSERT INTO nowhere VALUES (1);"}));
    let told = harness.refused(PLUGIN, &broken, 1).await;
    assert!(told.contains("relation \"nowhere\" does not exist"), "{told}");
    assert_eq!(server.sql("postgres", "SELECT to_regclass('half') IS NULL"), "t");
    let mended = parameters(&json!({"sql": "CREATE TABLE half (n int);"}));
    assert_eq!(harness.create(PLUGIN, &mended).await["applied"], true, "what failed is not remembered");

    // What commits by itself and then fails is not taken for done.
    forget();
    let commits = parameters(&json!({"sql": "INSERT INTO half VALUES (1);\nCOMMIT;\nSELECT 1/0;"}));
    harness.refused(PLUGIN, &commits, 1).await;
    harness.refused(PLUGIN, &commits, 1).await;
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM half"), "2");

    // Without a transaction, for what PostgreSQL refuses in one.
    forget();
    harness.refused(PLUGIN, &parameters(&json!({"sql": "VACUUM half"})), 1).await;
    let outside =
        parameters(&json!({"sql": "VACUUM half; INSERT INTO half VALUES (2)", "transaction": false}));
    for applied in [true, false] {
        assert_eq!(harness.create(PLUGIN, &outside).await["applied"], applied);
    }
    let every_time = parameters(&json!({"sql": "INSERT INTO half VALUES (3)", "once": false}));
    harness.create(PLUGIN, &every_time).await;
    harness.create(PLUGIN, &every_time).await;
    assert_eq!(server.sql("postgres", "SELECT string_agg(n::text, '' ORDER BY n) FROM half"), "11233");

    // Results are log lines, and a database's name is a name.
    forget();
    harness.create(PLUGIN, &parameters(&json!({"sql": "SELECT 'seen in ' || 'the log'"}))).await;
    assert!(harness.lab.memory.printed().iter().any(|line| line == "seen in the log"));
    let name = "dbname=postgres host=/tmp";
    let told = harness.refused(PLUGIN, &parameters(&json!({"sql": "SELECT 1", "database": name})), 69).await;
    assert!(told.contains("does not exist"), "{told}");
    harness.refused(PLUGIN, &parameters(&json!({"sql": ""})), 64).await;
    harness.sweep().await;
}
