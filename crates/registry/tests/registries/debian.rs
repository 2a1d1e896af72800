//! Against the real thing: Debian's `docker-registry`, with images that the test pushes through the distribution API.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fs_err as fs;
use pierhead_registry::client::Ping;
use pierhead_registry::manifest::{Manifest, Platform};
use pierhead_registry::tags::{Dates, Freshness, Order, TagPattern};
use pierhead_registry::{
    Access, Credentials, ImageDigest, Registry, RegistryError, Repository, Selector, TagBrowser, Transport,
};
use tempfile::TempDir;

use crate::stub::{limits, loopback_only, transport};

const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `extra` is added to the configuration; `{folder}` in it is the server's own.
    async fn start(folder: TempDir, http: &str, extra: &str) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let shown = folder.path().display().to_string();
            let configuration = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {{folder}}/data\n  \
                 delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n{http}{extra}"
            );
            let file = folder.path().join("config.yml");
            fs::write(&file, configuration.replace("{folder}", &shown)).unwrap();
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let mut child = Command::new("docker-registry")
                .arg("serve")
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::from(log.into_file()))
                .spawn()
                .expect("docker-registry is not installed: apt-get install docker-registry");
            for _ in 0..200 {
                if child.try_wait().unwrap().is_some() {
                    break; // Another test took the port.
                }
                if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                    return Self { child, folder, port };
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        panic!("docker-registry does not start: {log}");
    }

    async fn open() -> Self {
        Self::start(TempDir::new().unwrap(), "", "").await
    }

    async fn with_password() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("htpasswd");
        run("htpasswd", &["-Bbc", &file.display().to_string(), "ann", "hunter2"]);
        let auth = "auth:\n  htpasswd:\n    realm: stub\n    path: {folder}/htpasswd\n";
        Self::start(folder, "", auth).await
    }

    fn access(&self) -> Access {
        let name = format!("127.0.0.1:{}", self.port).parse().unwrap();
        Access { plain_http: true, ..Access::anonymous(name) }
    }

    fn registry(&self) -> Registry {
        Registry::new(&transport(), self.access()).unwrap()
    }

    fn registry_as(&self, user: &str, password: &str) -> Registry {
        let credentials = Some(Credentials::new(user, password));
        Registry::new(&transport(), Access { credentials, ..self.access() }).unwrap()
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is not installed ({error})"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Pushes as an engine does, without one.
struct Pusher<'a> {
    server: &'a Server,
    repository: &'a str,
    password: Option<&'a str>,
    client: reqwest::Client,
}

impl<'a> Pusher<'a> {
    fn new(server: &'a Server, repository: &'a str, password: Option<&'a str>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, repository, password, client }
    }

    fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        let url = if url.starts_with("http") {
            url.to_owned()
        } else {
            format!("http://127.0.0.1:{}/v2/{}/{url}", self.server.port, self.repository)
        };
        let request = self.client.request(method, url);
        if self.password.is_some() { request.basic_auth("ann", self.password) } else { request }
    }

    async fn blob(&self, content: &str) -> String {
        let digest = ImageDigest::of(content.as_bytes());
        let begun = self.request(reqwest::Method::POST, "blobs/uploads/").send().await.unwrap();
        assert_eq!(begun.status(), 202);
        let place = begun.headers()["location"].to_str().unwrap().to_owned();
        let done = self.request(reqwest::Method::PUT, &format!("{place}&digest={digest}"));
        let done = done.body(content.to_owned()).send().await.unwrap();
        assert_eq!(done.status(), 201);
        digest.to_string()
    }

    async fn manifest(&self, selector: &str, kind: &str, content: String) -> ImageDigest {
        let digest = ImageDigest::of(content.as_bytes());
        let put = self.request(reqwest::Method::PUT, &format!("manifests/{selector}"));
        let put = put.header("content-type", kind).body(content).send().await.unwrap();
        assert_eq!(put.status(), 201);
        digest
    }

    /// An image of one layer for an architecture, made at a moment; under a tag or by its digest.
    async fn image(&self, tag: Option<&str>, architecture: &str, created: &str) -> (ImageDigest, usize) {
        let config = format!(
            r#"{{"os":"linux","architecture":"{architecture}","created":"{created}","config":{{"Labels":{{"made":"{created}"}},"ExposedPorts":{{"8080/tcp":{{}}}}}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
        );
        let layer = "not really a layer";
        let content = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_IMAGE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
            self.blob(&config).await,
            config.len(),
            self.blob(layer).await,
            layer.len()
        );
        let size = content.len();
        let digest = ImageDigest::of(content.as_bytes()).to_string();
        (self.manifest(tag.unwrap_or(&digest), OCI_IMAGE, content).await, size)
    }

    async fn index(&self, tag: &str) -> ImageDigest {
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let (digest, size) = self.image(None, architecture, "2026-02-01T00:00:00Z").await;
            entries.push(format!(
                r#"{{"mediaType":"{OCI_IMAGE}","digest":"{digest}","size":{size},"platform":{{"os":"linux","architecture":"{architecture}"}}}}"#
            ));
        }
        let content =
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#, entries.join(","));
        self.manifest(tag, OCI_INDEX, content).await
    }
}

fn repository(name: &str) -> Repository {
    name.parse().unwrap()
}

fn tag(name: &str) -> Selector {
    Selector::Tag(name.parse().unwrap())
}

#[tokio::test]
async fn what_was_pushed_is_found_and_described() {
    let server = Server::open().await;
    let pusher = Pusher::new(&server, "acme/api", None);
    let (single, _) = pusher.image(Some("1.0"), "amd64", "2026-01-01T00:00:00Z").await;
    let index = pusher.index("1.1").await;
    let (registry, repository) = (server.registry(), repository("acme/api"));

    assert_eq!(registry.ping().await, Ok(Ping::Anonymous));
    assert_eq!(registry.digest(&repository, &tag("1.0")).await, Ok(single.clone()));
    assert_eq!(registry.digest(&repository, &tag("1.1")).await, Ok(index.clone()));
    assert!(
        matches!(registry.manifest(&repository, &tag("1.1")).await, Ok(Manifest::Index { manifests, .. }) if manifests.len() == 2)
    );

    let arm = Platform::linux("arm64");
    let info = registry.image(&repository, &tag("1.1"), Some(&arm)).await.unwrap();
    assert_eq!((info.digest, info.platform), (index, arm.clone()));
    assert_eq!((info.ports.as_slice(), info.size), (&[8080][..], 18));
    let by_digest = registry.image(&repository, &Selector::Digest(single), None).await.unwrap();
    assert_eq!(by_digest.labels["made"], "2026-01-01T00:00:00Z");
    let missing = registry.image(&repository, &tag("1.0"), Some(&arm)).await.unwrap_err();
    assert!(matches!(missing, RegistryError::PlatformMissing { .. }), "{missing}");
}

#[tokio::test]
async fn tags_are_listed_newest_first_by_what_their_images_say() {
    let server = Server::open().await;
    let pusher = Pusher::new(&server, "acme/api", None);
    for (tag, created) in [
        ("b1f0c2d", "2026-01-01T00:00:00Z"),
        ("main", "2026-01-03T00:00:00Z"),
        ("a9e8d7c", "2026-01-02T00:00:00Z"),
        ("feature", "2026-01-04T00:00:00Z"),
    ] {
        pusher.image(Some(tag), "amd64", created).await;
    }
    let (registry, repository) = (server.registry(), repository("acme/api"));
    let pattern = TagPattern::new("[!f]*").unwrap();
    let browser = TagBrowser::default();
    let listing =
        browser.list(&registry, &repository, &pattern, Dates::First(20), Freshness::Kept).await.unwrap();
    assert_eq!(listing.order, Order::Created);
    let names: Vec<&str> = listing.tags.iter().map(|tag| tag.tag.as_str()).collect();
    assert_eq!(names, ["main", "a9e8d7c", "b1f0c2d"]);

    // Gone: what was kept is shown, and said to be old.
    drop(server);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let stale = browser.list(&registry, &repository, &pattern, Dates::Unasked, Freshness::Now).await.unwrap();
    assert!(matches!(stale.stale, Some(RegistryError::Unreachable { .. })));
    assert!(stale.tags.len() == 3 && stale.age > Duration::from_secs(1));
}

#[tokio::test]
async fn many_tags_are_all_listed() {
    let server = Server::open().await;
    let pusher = Pusher::new(&server, "acme/many", None);
    pusher.image(Some("seed"), "amd64", "2026-01-01T00:00:00Z").await;
    let manifest = pusher.request(reqwest::Method::GET, "manifests/seed").header("accept", OCI_IMAGE);
    let manifest = manifest.send().await.unwrap().text().await.unwrap();
    for number in 0..1100 {
        pusher.manifest(&format!("v{number}"), OCI_IMAGE, manifest.clone()).await;
    }
    let list = server.registry().tags(&repository("acme/many")).await.unwrap();
    assert_eq!((list.tags.len(), list.truncated), (1101, false));
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let server = Server::open().await;
    let pusher = Pusher::new(&server, "acme/api", None);
    let (digest, _) = pusher.image(Some("1"), "amd64", "2026-01-01T00:00:00Z").await;
    let registry = server.registry();
    let unknown = registry.tags(&repository("acme/other")).await.unwrap_err();
    assert!(matches!(unknown, RegistryError::RepositoryNotFound { .. }), "{unknown}");
    let unknown = registry.digest(&repository("acme/api"), &tag("2")).await.unwrap_err();
    assert!(matches!(unknown, RegistryError::ManifestNotFound { .. }), "{unknown}");
    let unknown = registry.manifest(&repository("acme/api"), &tag("2")).await.unwrap_err();
    assert!(matches!(unknown, RegistryError::ManifestNotFound { .. }), "{unknown}");
    // A repository whose only image was deleted: `"tags": null` or no repository, as the registry likes.
    let deleted =
        pusher.request(reqwest::Method::DELETE, &format!("manifests/{digest}")).send().await.unwrap();
    assert_eq!(deleted.status(), 202);
    let rest = registry.tags(&repository("acme/api")).await;
    assert!(
        rest.as_ref().is_ok_and(|list| list.tags.is_empty())
            || matches!(rest, Err(RegistryError::RepositoryNotFound { .. }))
    );
}

#[tokio::test]
async fn a_private_registry_lets_in_who_knows_the_password() {
    let server = Server::with_password().await;
    Pusher::new(&server, "acme/api", Some("hunter2")).image(Some("1"), "amd64", "2026-01-01T00:00:00Z").await;
    let repository = repository("acme/api");

    let ann = server.registry_as("ann", "hunter2");
    assert_eq!(ann.ping().await, Ok(Ping::Authenticated));
    assert_eq!(ann.tags(&repository).await.unwrap().tags.len(), 1);
    assert!(ann.image(&repository, &tag("1"), None).await.is_ok());

    for (user, password) in [("ann", "wrong"), ("bob", "hunter2"), ("", "")] {
        let registry = server.registry_as(user, password);
        for _ in 0..2 {
            let refused = registry.ping().await.unwrap_err();
            assert!(matches!(refused, RegistryError::CredentialsRefused { .. }), "{refused}");
            let refused = registry.tags(&repository).await.unwrap_err();
            assert!(matches!(refused, RegistryError::CredentialsRefused { .. }), "{refused}");
        }
    }
    let missing = server.registry().ping().await.unwrap_err();
    assert!(matches!(missing, RegistryError::CredentialsMissing { .. }), "{missing}");
    let missing = server.registry().tags(&repository).await.unwrap_err();
    assert!(matches!(missing, RegistryError::CredentialsMissing { .. }), "{missing}");
}

/// An authority and a certificate of it for 127.0.0.1.
fn certificates(folder: &Path) {
    let path = |name: &str| folder.join(name).display().to_string();
    let extensions = path("extensions");
    fs::write(&extensions, "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let (ca, ca_key, request) = (path("ca.crt"), path("ca.key"), path("request"));
    let (certificate, own_key) = (path("server.crt"), path("server.key"));
    run(
        "openssl",
        &[&["req", "-x509", "-days", "2", "-subj", "/CN=test", "-keyout", &ca_key, "-out", &ca], &key[..]]
            .concat(),
    );
    run(
        "openssl",
        &[&["req", "-subj", "/CN=127.0.0.1", "-keyout", &own_key, "-out", &request], &key[..]].concat(),
    );
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ],
    );
}

#[tokio::test]
async fn a_certificate_of_an_own_authority_needs_that_authority() {
    let folder = TempDir::new().unwrap();
    certificates(folder.path());
    let tls = "  tls:\n    certificate: {folder}/server.crt\n    key: {folder}/server.key\n";
    let server = Server::start(folder, tls, "").await;
    let secure = || Access { plain_http: false, ..server.access() };

    let refused = Registry::new(&transport(), secure()).unwrap().ping().await.unwrap_err();
    assert!(matches!(refused, RegistryError::Tls { .. }), "{refused}");
    let bundle = fs::read(server.folder.path().join("ca.crt")).unwrap();
    let trusting = Transport::new(loopback_only, limits(), Some(&bundle)).unwrap();
    assert_eq!(Registry::new(&trusting, secure()).unwrap().ping().await, Ok(Ping::Anonymous));

    let plain = server.registry().ping().await.unwrap_err();
    assert!(
        matches!(&plain, RegistryError::NotARegistry { why, .. } if why.contains("speaks HTTPS")),
        "{plain}"
    );
    let nonsense = Transport::new(loopback_only, limits(), Some(b"-----BEGIN CERTIFICATE-----\nx\n"));
    assert!(matches!(nonsense, Err(RegistryError::Setup { .. })));
}
