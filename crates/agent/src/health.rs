//! One question to a service: does it answer well?
//!
//! Asked from the host over a real connection to the container's address, as the ingress will. Redirects are good answers
//! and are not followed; the body is not read.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pierhead_model::health::{HealthCheck, HealthKind, is_good_status};
use tokio::net::TcpStream;

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Good,
    /// Why not, for people.
    Bad(String),
}

/// Asks once.
pub(crate) async fn ask(check: &HealthCheck, address: SocketAddr, host: &str) -> Answer {
    let timeout = Duration::from_millis(check.timeout_ms.max(1).into());
    let answer = async {
        match check.kind {
            HealthKind::Process => Ok(Answer::Good),
            HealthKind::Tcp => connect(address).await.map(|_| Answer::Good),
            HealthKind::Http => get(address, host, &check.path).await,
        }
    };
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => Answer::Bad(why),
        Err(_) => Answer::Bad(format!("no answer within {} ms", check.timeout_ms)),
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address)
        .await
        .map_err(|error| format!("port {} refuses connections ({error})", address.port()))
}

async fn get(address: SocketAddr, host: &str, path: &str) -> Result<Answer, String> {
    let broken =
        |error: &dyn std::fmt::Display| format!("port {} does not speak HTTP ({error})", address.port());
    let stream = connect(address).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let request = Request::get(path)
        .header("host", host)
        .header("user-agent", "pierhead-health")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("the health path `{path}` cannot be asked ({error})"))?;
    let response = tokio::select! {
        response = sender.send_request(request) => response.map_err(|error| broken(&error))?,
        Err(error) = connection => return Err(broken(&error)),
    };
    let status = response.status().as_u16();
    Ok(if is_good_status(status) { Answer::Good } else { Answer::Bad(format!("{path} answered {status}")) })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers every connection with these bytes.
    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                assert!(
                    length == 0
                        || String::from_utf8_lossy(&request[..length]).contains("host: shop.localhost")
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn good_and_bad_answers() {
        let check = HealthCheck { timeout_ms: 300, ..HealthCheck::default() };
        for (answer, good) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
            ("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", true),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", false),
            ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", false),
            ("SSH-2.0-OpenSSH\r\n", false),
            ("", false),
        ] {
            let answered = ask(&check, server(answer).await, "shop.localhost").await;
            assert_eq!(answered == Answer::Good, good, "{answer:?}: {answered:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_is_enough_for_tcp_and_none_is_not() {
        let tcp = HealthCheck { kind: HealthKind::Tcp, timeout_ms: 300, ..HealthCheck::default() };
        assert_eq!(ask(&tcp, server("").await, "x").await, Answer::Good);
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        assert!(matches!(ask(&tcp, closed, "x").await, Answer::Bad(_)));
    }
}
