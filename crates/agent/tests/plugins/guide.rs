//! The plugin of `docs/plugins.md`, taken out of the text and run: against a stand-in of Consul's key-value store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use parking_lot::Mutex;
use pierhead_agent::plugins::Manifest;
use pierhead_agent::steps::contract::Action;
use pierhead_agent::steps::plugin::{Attempt, Outcome};
use pierhead_engine::image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions};
use pierhead_engine::state::Removal;
use serde_json::{Value, json};

use crate::harness::Harness;

/// The blocks of the guide that have a file's name, by that.
fn files() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins.md");
    let text = fs_err::read_to_string(path).unwrap();
    let mut files = BTreeMap::new();
    for block in text.split("\n```").skip(1).step_by(2) {
        let (head, content) = block.split_once('\n').unwrap();
        if let Some((_, name)) = head.split_once(' ') {
            files.insert(name.to_owned(), format!("{content}\n"));
        }
    }
    files
}

type Store = Arc<Mutex<BTreeMap<String, String>>>;

async fn consul(
    State(store): State<Store>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if headers.get("x-consul-token").is_none_or(|token| token != "to;ken") {
        return (StatusCode::FORBIDDEN, "Permission denied").into_response();
    }
    let mut store = store.lock();
    let key = uri.path().strip_prefix("/v1/kv/").unwrap().to_owned();
    match method {
        Method::PUT if query.get("cas").is_some_and(|index| index == "0") && store.contains_key(&key) => {
            "false".into_response()
        }
        Method::PUT => {
            store.insert(key, body);
            "true".into_response()
        }
        Method::DELETE => {
            store.remove(&key);
            "true".into_response()
        }
        _ => store
            .get(&key)
            .cloned()
            .map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_of_the_guide_keeps_its_own_rules() {
    let harness = Harness::new(16).await;
    let files = files();
    let manifest = Manifest::parse(&files["plugin.yaml"]).unwrap();
    let mut parameters: Value = serde_json::from_str(&files["parameters.json"]).unwrap();
    harness.runtime().await;
    build(&harness, &files, &manifest.image).await;

    let store = Store::default();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(consul).with_state(Arc::clone(&store));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    parameters["server"] = format!("http://{}:{port}", harness.host).into();
    let run = async |action: Action, parameters: &Value, token: &str| {
        // Any plugin's attempt, made into one of this plugin.
        let other = harness.attempt("http-request", action, parameters).await;
        let (limits, timeout) = (manifest.limits.of_step(), manifest.timeout());
        let mut attempt = Attempt { image: manifest.image.clone(), limits, timeout, ..other };
        attempt.input.secrets.insert("CONSUL_TOKEN".into(), token.into());
        harness.outcome(&attempt).await
    };
    let succeeds = async |action: Action, parameters: &Value| match run(action, parameters, "to;ken").await {
        Outcome::Succeeded(answer) => answer,
        other => panic!("{other:?} {:#?}", harness.lab.memory.printed()),
    };
    let fails = async |parameters: &Value, token: &str, told: &str| match run(
        Action::Create,
        parameters,
        token,
    )
    .await
    {
        Outcome::Failed(failure) => assert!(failure.detail.contains(told), "{}", failure.detail),
        other => panic!("it did not fail: {other:?}"),
    };

    for _ in 0..2 {
        let answer = succeeds(Action::Create, &parameters).await;
        assert_eq!(answer.outputs["url"], format!("http://{}:{port}/v1/kv/shop/qa/feature", harness.host));
    }
    assert_eq!(store.lock()["shop/qa/feature"], "on");
    for _ in 0..2 {
        succeeds(Action::Destroy, &parameters).await;
    }
    assert!(store.lock().is_empty());

    store.lock().insert("shop/qa/feature".into(), "somebody else's".into());
    fails(&parameters, "to;ken", "exit code 73").await;
    succeeds(Action::Destroy, &parameters).await;
    assert_eq!(store.lock().len(), 1, "it stays");
    fails(&parameters, "wrong", "Permission denied 403 (exit code 73").await;

    let mut hostile = parameters.clone();
    hostile["key"] = "a b/$(id)'\"?cas=1#x".into();
    hostile["value"] = "@/etc/passwd".into();
    succeeds(Action::Create, &hostile).await;
    assert_eq!(store.lock()["a%20b/%24(id)'%22%3Fcas%3D1%23x"], "@/etc/passwd");
    fails(&json!({"server": "file:///etc", "key": "a", "value": "b"}), "", "exit code 64").await;
    fails(
        &json!({"server": "http://10.215.16.1:1", "key": "a", "value": "b"}),
        "",
        "Consul cannot be reached at http://10.215.16.1:1 (exit code 69",
    )
    .await;

    serving.abort();
    harness.lab.engine.image_remove(&manifest.image, Removal::Force).await.unwrap();
    harness.sweep().await;
}

async fn build(harness: &Harness, files: &BTreeMap<String, String>, image: &str) {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    let context = archive.into_inner().unwrap();
    let options = BuildOptions {
        tag: image.to_owned(),
        dockerfile: "Dockerfile".into(),
        target: None,
        args: BTreeMap::new(),
        labels: BTreeMap::new(),
        memory_bytes: 256 << 20,
        cpu_millis: 1000,
        network: BuildNetwork::None,
        cache: BuildCache::Use,
    };
    let context = futures::stream::once(async { Ok(context.into()) });
    let events = harness.lab.engine.image_build(Box::pin(context), &options).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert!(matches!(events.last(), Some(BuildEvent::Built(_))), "{events:?}");
}
