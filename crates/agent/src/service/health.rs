//! Asking a service whether it is healthy, from where its visitors' requests will come.

use std::time::Duration;

use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pierhead_engine::Status;
use pierhead_model::health::{HealthKind, is_good_status};
use tokio::net::TcpStream;

use super::start::Instance;
use crate::worker::Task;

/// One question. The error is for people: why the answer is not good.
pub(super) async fn ask(task: &Task, instance: &Instance) -> Result<(), String> {
    let check = &task.assignment.work.health;
    let limit = Duration::from_millis(u64::from(check.timeout_ms.max(10)));
    let question = async {
        match check.kind {
            HealthKind::Process => is_running(task, instance).await,
            HealthKind::Tcp => connect(instance).await.map(drop),
            HealthKind::Http => get(task, instance).await,
        }
    };
    match tokio::time::timeout(limit, question).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
    }
}

async fn is_running(task: &Task, instance: &Instance) -> Result<(), String> {
    match task.node.engine.container_inspect(&instance.container).await {
        Ok(container) if container.status == Status::Running => Ok(()),
        Ok(_) => Err("it does not run".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn connect(instance: &Instance) -> Result<TcpStream, String> {
    TcpStream::connect(instance.address).await.map_err(|error| format!("port {}: {error}", instance.port))
}

async fn get(task: &Task, instance: &Instance) -> Result<(), String> {
    let stream = connect(instance).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| format!("not HTTP: {error}"))?;
    let request = hyper::Request::get(&task.assignment.work.health.path)
        .header("host", task.assignment.work.hostname.as_str())
        .header("user-agent", "pierhead-health-check")
        .header("x-forwarded-proto", "http")
        .header("connection", "close")
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answering = async {
        let answer = sender.send_request(request).await.map_err(|error| format!("not HTTP: {error}"))?;
        let status = answer.status().as_u16();
        let path = &task.assignment.work.health.path;
        if is_good_status(status) { Ok(()) } else { Err(format!("GET {path} answered {status}")) }
    };
    // The connection is driven until the answer is there; when it ends early, the answer is an error.
    let driving = async {
        let _ = connection.await;
        std::future::pending::<std::convert::Infallible>().await
    };
    tokio::select! {
        answer = answering => answer,
        never = driving => match never {},
    }
}
