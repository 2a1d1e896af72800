//! Protected previews as a browser and a program meet them: a real server, a real ingress, the way through the console and back.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::time::{Duration, Instant};

use pierhead_testkit::{GitServer, Server};
use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE, HOST, LOCATION, SET_COOKIE};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");

struct Browser {
    client: reqwest::Client,
    ingress: String,
}

impl Browser {
    fn new(server: &Server) -> Self {
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self { client: client.unwrap(), ingress: format!("http://127.0.0.1:{}", server.ingress_port()) }
    }

    async fn get(&self, path: &str, header: (reqwest::header::HeaderName, &str)) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.ingress)).header(HOST, "shop.localhost");
        request.header(ACCEPT, "text/html").header(header.0, header.1).send().await.unwrap()
    }

    async fn until(&self, status: u16) -> reqwest::Response {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.get("/a/?b=c", (ACCEPT, "text/html")).await;
            if answer.status().as_u16() == status {
                return answer;
            }
            assert!(Instant::now() < deadline, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn header(answer: &reqwest::Response, name: reqwest::header::HeaderName) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn who_may_see_the_project_is_let_in_by_the_console_by_a_pass_or_by_a_password() {
    let git = GitServer::start(&[("shop", &[("index.html", "front page"), ("a/index.html", "inner page")])]);
    let server = Server::start(BINARY).await;
    let live = server.deploy(json!({ "repository": git.url("shop") })).await;
    assert_eq!(live.state(), "PRODUCTION", "{:#}", live.0);
    let browser = Browser::new(&server);
    browser.until(200).await;
    let rules = json!({ "production": "team" });
    let (status, said) = server.call("PUT", "/projects/shop/visitors", Some(rules)).await;
    assert_eq!((status, said["production"].as_str()), (200, Some("team")), "{said:#}");

    // To the console, which does not know this browser either.
    let sent = browser.until(303).await;
    let visit = header(&sent, LOCATION);
    let console = server.api("").replace("/api/v1", "");
    assert_eq!(visit, format!("{console}/visit?host=shop%2Elocalhost&path=%2Fa%2F%3Fb%3Dc"));
    let asked = browser.client.get(&visit).send().await.unwrap();
    assert_eq!(header(&asked, LOCATION), "/console/visit?host=shop%2Elocalhost&path=%2Fa%2F%3Fb%3Dc");
    // One signs in, and the console sends the browser there again.
    let login = json!({ "email": "admin@example.com", "password": Server::PASSWORD });
    let signed_in = browser.client.post(server.api("/auth/browser")).json(&login).send().await.unwrap();
    let session = header(&signed_in, SET_COOKIE).split(';').next().unwrap().to_owned();
    let back = browser.client.get(&visit).header(COOKIE, &session).send().await.unwrap();
    let back = header(&back, LOCATION);
    let own = format!("http://shop.localhost:{}", server.ingress_port());
    let entrance = back.strip_prefix(&own).unwrap_or_else(|| panic!("{back}"));
    let entered = browser.get(entrance, (ACCEPT, "text/html")).await;
    assert_eq!((entered.status().as_u16(), header(&entered, LOCATION)), (303, "/a/?b=c".to_owned()));
    let cookie = header(&entered, SET_COOKIE).split(';').next().unwrap().to_owned();
    let page = browser.get("/a/", (COOKIE, &cookie)).await;
    assert_eq!(page.text().await.unwrap(), "inner page");
    assert_eq!(browser.get(entrance, (ACCEPT, "text/html")).await.status(), 403, "a ticket opens once");
    // Nothing else of the installation is opened by it, and nobody is sent elsewhere.
    let other = browser.client.get(format!("{console}/visit?host=evil.example&path=/"));
    assert_eq!(other.header(COOKIE, &session).send().await.unwrap().status(), 404);

    let (status, pass) =
        server.call("POST", "/visitor-passes", Some(json!({ "host": "shop.localhost" }))).await;
    assert_eq!(status, 201, "{pass:#}");
    let bearer = format!("Bearer {}", pass["pass"].as_str().unwrap());
    assert_eq!(browser.get("/", (AUTHORIZATION, &bearer)).await.status(), 200);

    let rules = json!({ "production": "password" });
    assert_eq!(server.call("PUT", "/projects/shop/visitors", Some(rules)).await.0, 200);
    let put = json!({ "password": "open sesame seed" });
    let path = "/projects/shop/visitors/passwords/review";
    let (status, made) = server.call("PUT", path, Some(put)).await;
    assert_eq!((status, made["name"].as_str()), (200, Some("review")), "{made:#}");
    let asked = browser.until(401).await;
    assert!(header(&asked, reqwest::header::WWW_AUTHENTICATE).starts_with("Basic "), "{asked:?}");
    // `review:open sesame seed`
    let basic = "Basic cmV2aWV3Om9wZW4gc2VzYW1lIHNlZWQ=";
    let deadline = Instant::now() + Duration::from_secs(30);
    while browser.get("/", (AUTHORIZATION, basic)).await.status() != 200 {
        assert!(Instant::now() < deadline, "the password does not open");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(server.call("DELETE", path, None).await.0, 204);
    assert_eq!(server.call("PUT", "/projects/shop/visitors", Some(json!({}))).await.0, 200);
    browser.until(200).await;
    server.verify().await;
}
