//! Signing in with accounts elsewhere: a real OpenID Connect provider, a stand-in for GitHub, and browsers that go there and back.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use pierhead_testkit::{Browser, GitHubAccounts, Peer, Server};
use reqwest::Url;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
const SECRET: &str = "a secret: with + and %";
const SESSION: &str = "__Host-pierhead";
const FLOW: &str = "__Host-pierhead-flow";

struct World {
    server: Server,
    /// RS256, and the address only in answers about who somebody is.
    company: Peer,
    _other: Peer,
    github: GitHubAccounts,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let mut server = Server::unstarted(BINARY);
        let redirect = |name: &str| server.api(&format!("/auth/callback/{name}"));
        let company = Peer::start("oidc.mjs", &[&redirect("company"), "RS256", "IN_USERINFO"]).await;
        let other = Peer::start("oidc.mjs", &[&redirect("other"), "ES256", "IN_TOKEN"]).await;
        let github = GitHubAccounts::start().await;
        let folder = tempfile::tempdir().unwrap();
        let issuer = |peer: &Peer| peer.ready["issuer"].as_str().unwrap().to_owned();
        let file = format!(
            "[[provider]]\nname = \"company\"\nlabel = \"Company\"\nissuer = \"{}\"\nclient_id = \"pierhead\"\nclient_secret_file = \"secret\"\n\
             [[provider]]\nname = \"other\"\nissuer = \"{}\"\nclient_id = \"pierhead\"\nclient_secret_file = \"secret\"\n\
             [[provider]]\nname = \"github\"\npreset = \"github\"\nurl = \"{}\"\nclient_id = \"{}\"\nclient_secret_variable = \"GITHUB_SECRET\"\n",
            issuer(&company),
            issuer(&other),
            github.url,
            GitHubAccounts::CLIENT_ID,
        );
        let path = folder.path().join("providers.toml");
        fs_err::write(&path, file).unwrap();
        fs_err::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        server
            .boot(&[
                ("PIERHEAD_SIGN_IN_PROVIDERS", path.to_str().unwrap()),
                ("GITHUB_SECRET", GitHubAccounts::CLIENT_SECRET),
            ])
            .await;
        Self { server, company, _other: other, github, _folder: folder }
    }

    fn api(&self, path: &str) -> String {
        self.server.api(path)
    }

    /// What the console does when somebody clicks on a provider.
    async fn begin(&self, browser: &mut Browser, provider: &str) -> String {
        let url = self.api(&format!("/auth/providers/{provider}"));
        let (status, told) = browser.post(&url, None, &json!({ "return_to": "/console/projects" })).await;
        assert_eq!(status, 200, "{told}\n{}", self.server.log());
        told["url"].as_str().unwrap().to_owned()
    }

    /// Signs in at the provider as `name`, up to the address that it sends the browser back to.
    async fn through(&self, browser: &mut Browser, url: &str, name: &str) -> String {
        let mut answer = browser.get(url).await;
        for _ in 0..20 {
            if let Some(next) = Browser::sent_to(&answer) {
                if next.as_str().starts_with(&self.api("/auth/callback/")) {
                    return next.into();
                }
                answer = browser.get(next.as_str()).await;
                continue;
            }
            let page = answer.url().clone();
            let text = answer.text().await.unwrap();
            let login = text.contains("name=\"login\"");
            let fields = if login {
                format!("prompt=login&login={name}&password=x")
            } else {
                "prompt=consent".to_owned()
            };
            answer = browser.form(&page, &fields).await;
        }
        panic!("the provider sends nobody back");
    }

    /// There and back; where the console is opened then.
    async fn sign_in(&self, browser: &mut Browser, provider: &str, name: &str) -> String {
        let url = self.begin(browser, provider).await;
        let back = self.through(browser, &url, name).await;
        self.land(browser, &back).await
    }

    async fn land(&self, browser: &mut Browser, back: &str) -> String {
        let answer = browser.get(back).await;
        assert_eq!(answer.status(), 303, "{back}");
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn me(&self, browser: &mut Browser) -> Value {
        browser.get(&self.api("/me")).await.json().await.unwrap()
    }

    async fn csrf(&self, browser: &mut Browser) -> String {
        let told: Value = browser.get(&self.api("/auth/csrf")).await.json().await.unwrap();
        told["csrf_token"].as_str().unwrap().to_owned()
    }

    async fn identities(&self, browser: &mut Browser) -> Vec<Value> {
        let listed: Value = browser.get(&self.api("/me/identities")).await.json().await.unwrap();
        listed["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn whoever_has_a_verified_address_signs_in_and_nobody_else_does() {
    let world = World::start().await;
    let mut browser = Browser::default();
    let options: Value = browser.get(&world.api("/auth/options")).await.json().await.unwrap();
    let labels: Vec<&str> =
        options["providers"].as_array().unwrap().iter().map(|it| it["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["Company", "other", "GitHub"]);

    assert_eq!(world.sign_in(&mut browser, "company", "admin").await, "/console/projects");
    assert_eq!(world.me(&mut browser).await["email"], "admin@example.com");
    assert_eq!(browser.cookie(&world.api(""), FLOW), None, "what belongs to the way is gone");
    let first = browser.cookie(&world.api(""), SESSION).unwrap();
    // Again, and by the other one: the same account, known by who it is there.
    assert_eq!(world.sign_in(&mut browser, "company", "admin").await, "/console/projects");
    assert_ne!(browser.cookie(&world.api(""), SESSION).unwrap(), first, "always a new session");
    assert_eq!(world.sign_in(&mut Browser::default(), "other", "admin").await, "/console/projects");
    let linked = world.identities(&mut browser).await;
    let providers: Vec<&str> = linked.iter().map(|it| it["provider"].as_str().unwrap()).collect();
    assert_eq!(providers, ["company", "other"]);

    for (provider, name, problem) in [
        ("company", "unverified-admin", "unverified"),
        ("other", "unverified-admin", "unverified"),
        ("company", "stranger", "no_account"),
    ] {
        let mut browser = Browser::default();
        let place = world.sign_in(&mut browser, provider, name).await;
        assert_eq!(place, format!("/console/login?problem={problem}"), "{provider} {name}");
        assert_eq!(browser.cookie(&world.api(""), SESSION), None, "{provider} {name}");
    }

    // The provider has other keys from now on.
    let issuer = world.company.ready["issuer"].as_str().unwrap();
    let rotated = reqwest::Client::new().post(format!("{issuer}/rotate")).send().await.unwrap();
    assert_eq!(rotated.status(), 204);
    let mut browser = Browser::default();
    assert_eq!(world.sign_in(&mut browser, "company", "admin").await, "/console/projects");
}

#[tokio::test]
async fn an_answer_is_taken_once_and_only_from_the_browser_that_asked() {
    let world = World::start().await;
    let mut attacker = Browser::default();
    let url = world.begin(&mut attacker, "company").await;
    let back = world.through(&mut attacker, &url, "admin").await;
    let expired = "/console/login?problem=expired";
    // Somebody else's answer in one's own browser: with nothing, and with a way of one's own.
    let mut victim = Browser::default();
    assert_eq!(world.land(&mut victim, &back).await, expired);
    world.begin(&mut victim, "company").await;
    assert_eq!(world.land(&mut victim, &back).await, expired);
    assert_eq!(victim.cookie(&world.api(""), SESSION), None);
    // Another provider's answer, a changed state, and a cookie that was made up.
    assert_eq!(world.land(&mut attacker, &back.replace("/company", "/other")).await, expired);
    let url = world.begin(&mut attacker, "company").await;
    let back = world.through(&mut attacker, &url, "admin").await;
    let kept = attacker.cookie(&world.api(""), FLOW).unwrap();
    assert_eq!(world.land(&mut attacker, &back.replace("state=", "state=x")).await, expired);
    attacker.set_cookie(&world.api(""), FLOW, &format!("{}AA", &kept[..kept.len() - 2]));
    assert_eq!(world.land(&mut attacker, &back).await, expired);
    // The right one, once; and once more, with the cookie put back.
    attacker.set_cookie(&world.api(""), FLOW, &kept);
    let mut mixed: Url = back.parse().unwrap();
    let pairs: Vec<(String, String)> = mixed.query_pairs().into_owned().collect();
    mixed.query_pairs_mut().clear().extend_pairs(pairs.iter().filter(|(name, _)| name != "iss"));
    assert_eq!(
        world.land(&mut attacker, mixed.as_str()).await,
        "/console/login?problem=provider_failed",
        "this provider says who it is in every answer (RFC 9207)"
    );
    attacker.set_cookie(&world.api(""), FLOW, &kept);
    assert_eq!(world.land(&mut attacker, &back).await, "/console/projects");
    attacker.set_cookie(&world.api(""), FLOW, &kept);
    let again = world.land(&mut attacker, &back).await;
    assert_eq!(again, "/console/account/profile?problem=provider_failed", "a code is good once");
    // Who says no there.
    let mut browser = Browser::default();
    let url: Url = world.begin(&mut browser, "company").await.parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let denied = world.api(&format!("/auth/callback/company?error=access_denied&state={state}"));
    assert_eq!(world.land(&mut browser, &denied).await, "/console/login?problem=denied");
    // Where one goes then is a page of the console.
    let url = world.api("/auth/providers/company");
    for place in ["//evil.example", "https://evil.example", "/console/..//evil.example"] {
        let (status, told) = browser.post(&url, None, &json!({ "return_to": place })).await;
        assert_eq!((status, &told["code"]), (422, &json!("validation")), "{place}");
    }
}

#[tokio::test]
async fn github_says_who_somebody_is_by_their_primary_address_and_one_links_and_unlinks() {
    let world = World::start().await;
    world.github.sign_in(1, "octocat", &[("admin@example.com", true, false), ("o@example.com", false, true)]);
    let mut browser = Browser::default();
    let place = world.sign_in(&mut browser, "github", "").await;
    assert_eq!(place, "/console/login?problem=unverified", "a primary address that is not verified");

    // Linked by who is signed in, whatever the address there is.
    world.github.sign_in(2, "ada", &[("private@example.org", true, true)]);
    let body = json!({ "email": "admin@example.com", "password": Server::PASSWORD });
    let (status, told) = browser.post(&world.api("/auth/browser"), None, &body).await;
    assert_eq!(status, 200, "{told}");
    let csrf = world.csrf(&mut browser).await;
    let link = json!({ "provider": "github", "return_to": "/console/account/profile" });
    let (status, _) = browser.post(&world.api("/me/identities"), None, &link).await;
    assert_eq!(status, 403, "a change needs its page's token");
    let (status, told) = browser.post(&world.api("/me/identities"), Some(&csrf), &link).await;
    assert_eq!(status, 200, "{told}");
    let back = world.through(&mut browser, told["url"].as_str().unwrap(), "").await;
    // In a browser where nobody is signed in, or somebody else is, it links nothing.
    let mut other = Browser::default();
    let flow = browser.cookie(&world.api(""), FLOW).unwrap();
    other.set_cookie(&world.api(""), FLOW, &flow);
    assert_eq!(world.land(&mut other, &back).await, "/console/login?problem=expired");
    assert_eq!(world.land(&mut browser, &back).await, "/console/account/profile");
    let linked = world.identities(&mut browser).await;
    assert_eq!((linked.len(), &linked[0]["email"]), (1, &json!("private@example.org")));

    // It signs in from now on, by who it is there: with another address, and one of somebody else.
    world.github.sign_in(2, "ada", &[("elsewhere@example.org", true, true)]);
    let mut again = Browser::default();
    assert_eq!(world.sign_in(&mut again, "github", "").await, "/console/projects");
    assert_eq!(world.me(&mut again).await["email"], "admin@example.com");

    let id = linked[0]["id"].as_str().unwrap();
    let url = world.api(&format!("/me/identities/{id}"));
    let (status, told) = browser.change("DELETE", &url, Some(&csrf), &json!({})).await;
    assert_eq!(status, 204, "{told}");
    let place = world.sign_in(&mut Browser::default(), "github", "").await;
    assert_eq!(place, "/console/login?problem=no_account", "it is not theirs any more");
    let told = world.server.get("/audit?action=identity").await;
    let actions: Vec<&str> =
        told["items"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["identity.delete", "identity.create"]);
    assert!(
        !world.server.log().contains(GitHubAccounts::CLIENT_SECRET)
            && !world.server.log().contains("gho_test")
    );
}
