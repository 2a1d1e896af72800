//! Pebble: a certificate authority for tests, which speaks ACME and looks at challenges as a real one does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use crate::server::free_port;

/// Dropping it ends it.
#[derive(Debug)]
pub struct Pebble {
    process: Child,
    /// Where it is asked.
    pub directory: String,
    /// Who vouches for the address above: not the authority's own root.
    pub trust: PathBuf,
    management: String,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Pebble {
    /// Asks `dns` for names, and looks at `http_port` for answers; what it issues is good for so long.
    pub async fn start(dns: SocketAddr, http_port: u16, validity: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let own = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let (trust, key_file) = (folder.path().join("own.pem"), folder.path().join("own.key"));
        fs_err::write(&trust, own.pem()).unwrap();
        fs_err::write(&key_file, key.serialize_pem()).unwrap();
        let (port, management) = (free_port(), free_port());
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": trust,
            "privateKey": key_file,
            "httpPort": http_port,
            "tlsPort": 1,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": validity.as_secs(),
        } });
        let config_file = folder.path().join("config.json");
        fs_err::write(&config_file, config.to_string()).unwrap();
        let process = Command::new("pebble")
            .arg("-config")
            .arg(&config_file)
            .args(["-dnsserver", &dns.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            // Some nonces are refused, as happens with real authorities.
            .env("PEBBLE_WFE_NONCEREJECT", "10")
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`pebble` starts: it is a package of Debian");
        let trusted = reqwest::Certificate::from_pem(own.pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let pebble = Self {
            process,
            directory: format!("https://127.0.0.1:{port}/dir"),
            trust,
            management: format!("https://127.0.0.1:{management}"),
            http,
            _folder: folder,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while pebble.http.get(&pebble.directory).send().await.is_err() {
            assert!(Instant::now() < deadline, "pebble does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        pebble
    }

    /// PEM of the root that vouches for what it issues.
    pub async fn root(&self) -> String {
        let answer = self.http.get(format!("{}/roots/0", self.management)).send().await.unwrap();
        answer.text().await.unwrap()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
