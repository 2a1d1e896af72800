//! The GitHub App: who may let it in, for what its tokens are good, and what is told of what became of a deployment.

use std::collections::BTreeSet;

use pierhead_control::{Error, NewGithubApp, NewLink, NewProject, PageRequest, Principal};
use pierhead_model::git_access::GitSecret;
use pierhead_model::project::{GitSource, ProjectSettings};
use pierhead_model::source::{Folder, RepositoryUrl};
use pierhead_testkit::GitHub;
use serde_json::{Value, json};

use crate::description::Description;
use crate::world::{World, commit, github};

pub(crate) fn app(github: &GitHub) -> NewGithubApp {
    NewGithubApp {
        id: GitHub::APP_ID,
        private_key: github.private_key.clone().into(),
        webhook_secret: GitHub::WEBHOOK_SECRET.into(),
        client_secret: GitHub::CLIENT_SECRET.into(),
        url: Some(github.url.clone()),
    }
}

fn through_app() -> NewLink {
    NewLink { provider: "github_app".to_owned(), token: None, api_url: None }
}

impl World {
    /// Connects an account at GitHub.
    pub(crate) async fn connect_account(&self, github: &GitHub, who: &Principal, login: &str) {
        let begun = self.services.github.begin(who).await.unwrap();
        let (code, state) = github.authorize(login, &begun.url);
        let view = self.services.github.finish(who, (&code, &state), &begun.continuation).await.unwrap();
        assert_eq!(view.connection.unwrap().0, login);
    }

    /// A project of a repository there.
    pub(crate) async fn project_at(&self, github: &GitHub, who: &Principal, name: &str, repository: &str) {
        let repository = format!("https://{}/{repository}.git", github.authority());
        let repository = RepositoryUrl::parse(&repository).unwrap();
        let source = GitSource { repository, branch: None, root_directory: Folder::default() };
        let settings = ProjectSettings { source: Some(source), ..ProjectSettings::default() };
        let new = NewProject { name: name.to_owned(), team: None, settings };
        self.services.projects.create(who, new).await.unwrap();
    }

    pub(crate) async fn connect(&self, who: &Principal, project: &str, new: NewLink) -> Result<(), Error> {
        let Self { services, .. } = self;
        services.sources.connect(who, &services.github, project, new).await.map(drop)
    }

    /// What GitHub tells in the name of the app.
    async fn told_by_app(&self, event: &str, delivery: &str, payload: &Value) -> String {
        let text = payload.to_string();
        let headers = github(event, delivery, GitHub::WEBHOOK_SECRET, text.as_bytes());
        let incoming =
            pierhead_control::Incoming { provider: "github", project: None, headers, body: text.as_bytes() };
        self.receive(incoming).await.unwrap().outcome
    }

    async fn unused(&self, project: &str) -> Option<String> {
        let view = self.services.sources.get(&self.admin, project).await.unwrap();
        view.link.unwrap().unused
    }

    fn entered_with(&self, place: &str) -> Option<String> {
        let access = self.repositories.entered.lock()[place].clone();
        access.credential.map(|credential| match credential.secret {
            GitSecret::Token { username, token } => format!("{username}:{token}"),
            GitSecret::Key { .. } => "a key".to_owned(),
        })
    }
}

/// Fails unless everything that was asked and answered is as GitHub describes; which operations those were.
pub(crate) fn described(github: &GitHub) -> BTreeSet<String> {
    let description = Description::read();
    github.exchanges().iter().map(|exchange| description.validate(exchange)).collect()
}

#[tokio::test]
async fn an_app_is_one_that_github_knows_by_its_key() {
    let (world, github, other) =
        (World::reaching("127.0.0.0/8").await, GitHub::start().await, GitHub::start().await);
    let set = |new| world.services.github.set_app(&world.admin, new);
    for (new, pointer) in [
        (NewGithubApp { private_key: other.private_key.clone().into(), ..app(&github) }, "/private_key"),
        (NewGithubApp { private_key: "hunter2".into(), ..app(&github) }, "/private_key"),
        (NewGithubApp { id: 7, ..app(&github) }, "/private_key"),
        (NewGithubApp { webhook_secret: "".into(), ..app(&github) }, "/webhook_secret"),
        (NewGithubApp { url: Some("ftp://github.com".into()), ..app(&github) }, "/url"),
    ] {
        let shown = format!("{new:?}");
        let Err(Error::Validation(problems)) = set(new).await else { panic!("{shown}") };
        assert_eq!(problems[0].pointer, pointer, "{shown}");
    }
    let view = set(app(&github)).await.unwrap();
    assert_eq!((view.slug.as_str(), view.id), ("pierhead-test", GitHub::APP_ID));
    assert_eq!(view.install_url, format!("{}/github-apps/pierhead-test/installations/new", github.url));
    let sealed = format!("{view:?}");
    assert!(!sealed.contains(GitHub::CLIENT_SECRET) && !sealed.contains("BEGIN"), "{sealed}");
    world.services.github.delete_app(&world.admin).await.unwrap();
    let gone = world.services.github.begin(&world.admin).await.unwrap_err();
    assert!(gone.to_string().contains("no GitHub App"), "{gone}");
    world.stop().await;
}

#[tokio::test]
async fn an_app_is_made_of_a_manifest_once() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let (service, ada, url) = (&world.services.github, &world.admin, Some(github.url.as_str()));
    let bob = world.person("bob@example.com").await;
    assert!(matches!(service.manifest(&bob, None, url), Err(Error::Forbidden { .. })));
    let made = service.manifest(ada, Some("acme"), url).unwrap();
    assert_eq!(made.url, format!("{}/organizations/acme/settings/apps/new", github.url));
    assert_eq!(made.manifest["hook_attributes"]["url"], "http://127.0.0.1:8400/api/v1/hooks/github");
    let code = github.make_app(&made.manifest);
    let app = service.convert_manifest(ada, &code, url).await.unwrap();
    assert_eq!((app.id, app.slug.as_str()), (GitHub::APP_ID, "pierhead-test"));
    let again = service.convert_manifest(ada, &code, url).await;
    assert!(matches!(again, Err(Error::Validation(_))), "{again:?}");
    // What it is known by works: the app's own webhook is taken.
    let ping = json!({ "zen": "Design for failure.", "repository": github.payload_of("acme/shop") });
    assert_eq!(world.told_by_app("ping", "p-1", &ping).await, "pong");
    world.connect_account(&github, ada, "ada").await;
    described(&github);
    world.stop().await;
}

#[tokio::test]
async fn who_may_write_there_lets_the_app_in_for_that_repository_alone() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let (ada, bob) = (world.admin.clone(), world.person("bob@example.com").await);
    world.services.github.set_app(&ada, app(&github)).await.unwrap();
    let shop = github.repository("Acme/Shop", &["main"], &["ada"], &[]);
    github.repository("acme/tools", &["main"], &["ada"], &["bob"]);
    let secret = github.repository("acme/secret", &["main"], &["ada"], &[]);
    let installation = github.install("acme", &[shop, secret]);
    world.project_at(&github, &ada, "shop", "Acme/Shop").await;
    world.project_at(&github, &bob, "bobs", "acme/tools").await;
    world.project_at(&github, &ada, "elsewhere", "acme/elsewhere").await;

    let refused = world.connect(&ada, "shop", through_app()).await.unwrap_err();
    assert!(refused.to_string().contains("Connect your GitHub account"), "{refused}");
    // Who began is who finishes: an address that somebody else sent connects nothing.
    let begun = world.services.github.begin(&bob).await.unwrap();
    let (code, state) = github.authorize("ada", &begun.url);
    let stolen = world.services.github.finish(&ada, (&code, &state), &begun.continuation).await;
    assert!(matches!(stolen, Err(Error::Conflict { .. })), "{stolen:?}");
    let forged = world.services.github.finish(&bob, (&code, "another"), &begun.continuation).await;
    assert!(matches!(forged, Err(Error::Conflict { .. })), "{forged:?}");

    world.connect_account(&github, &ada, "ada").await;
    world.connect_account(&github, &bob, "bob").await;
    let refused = world.connect(&bob, "bobs", through_app()).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden { .. }), "only reading is not enough: {refused}");
    let refused = world.connect(&bob, "shop", through_app()).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "another's project: {refused}");
    let refused = world.connect(&ada, "elsewhere", through_app()).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");

    let place = format!("{}/acme/shop", github.authority());
    world.repositories.set(&place, "main", &commit(1));
    world.connect(&ada, "shop", through_app()).await.unwrap();
    world.services.sources.sync(&ada, "shop").await.unwrap();
    world.until_looked("shop").await;
    let shown = world.entered_with(&place).unwrap();
    assert!(shown.starts_with("x-access-token:ghs_"), "{shown}");
    let minted: Vec<Value> = asked_for_tokens(&github);
    assert_eq!(
        minted,
        [json!({ "repository_ids": [shop], "permissions": { "contents": "read", "metadata": "read" } })],
        "one repository, to be read, and once for all looks"
    );
    // One that is about to end is not used any more.
    world.later(50 * 60);
    github.later(50 * 60);
    world.services.sources.sync(&ada, "shop").await.unwrap();
    world.until_looked("shop").await;
    assert_ne!(world.entered_with(&place).unwrap(), shown);

    // What the app is told by GitHub is believed, and by nobody else.
    let deleted = json!({ "action": "deleted", "installation": { "id": installation, "account": { "login": "acme" } } });
    let unsure = world.send("installation", "i-0", &deleted).await;
    assert!(unsure.outcome.contains("by the app itself"), "{unsure:?}");
    assert_eq!(world.unused("shop").await, None);
    github.uninstall(installation);
    let outcome = world.told_by_app("installation", "i-1", &deleted).await;
    assert!(outcome.starts_with("1 projects cannot"), "{outcome}");
    assert!(world.unused("shop").await.unwrap().contains("uninstalled by acme"));
    world.services.sources.sync(&ada, "shop").await.unwrap();
    world.until_looked("shop").await;
    assert_eq!(world.entered_with(&place), None, "and its tokens are forgotten");
    described(&github);
    world.stop().await;
}

fn asked_for_tokens(github: &GitHub) -> Vec<Value> {
    let exchanges = github.exchanges();
    exchanges.into_iter().filter(|it| it.path.ends_with("/access_tokens")).filter_map(|it| it.body).collect()
}

#[tokio::test]
async fn a_project_that_was_given_away_or_moved_is_not_let_in_any_more() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    world.services.github.set_app(&ada, app(&github)).await.unwrap();
    let shop = github.repository("acme/shop", &["main"], &["ada"], &[]);
    let installation = github.install("acme", &[shop]);
    world.project_at(&github, &ada, "shop", "acme/shop").await;
    world.connect_account(&github, &ada, "ada").await;
    world.connect(&ada, "shop", through_app()).await.unwrap();
    assert_eq!(world.unused("shop").await, None);

    world.services.teams.create(&ada, "others").await.unwrap();
    world.services.projects.transfer(&ada, "shop", "others").await.unwrap();
    assert!(world.unused("shop").await.unwrap().contains("given to others"));
    world.connect(&ada, "shop", through_app()).await.unwrap();
    assert_eq!(world.unused("shop").await, None, "one of them proved it again");

    let taken = json!({
        "action": "removed", "installation": { "id": installation, "account": { "login": "acme" } },
        "repositories_added": [], "repositories_removed": [{ "id": shop }],
    });
    world.told_by_app("installation_repositories", "r-1", &taken).await;
    assert!(world.unused("shop").await.unwrap().contains("taken away"));
    let given = json!({
        "action": "added", "installation": { "id": installation, "account": { "login": "acme" } },
        "repositories_added": [{ "id": shop }], "repositories_removed": [],
    });
    world.told_by_app("installation_repositories", "r-2", &given).await;
    assert_eq!(world.unused("shop").await, None);
    world.services.sources.disconnect(&ada, "shop").await.unwrap();
    assert!(world.services.sources.get(&ada, "shop").await.unwrap().link.is_none());
    world.stop().await;
}

#[tokio::test]
async fn repositories_and_branches_are_listed_page_by_page_and_found_by_name() {
    let (world, github) = (World::reaching("127.0.0.0/8").await, GitHub::start().await);
    let ada = world.admin.clone();
    world.services.github.set_app(&ada, app(&github)).await.unwrap();
    let mut all = Vec::new();
    for number in 0..120 {
        all.push(github.repository(&format!("acme/service-{number:03}"), &[], &["ada"], &[]));
    }
    all.push(github.repository("acme/shop", &["main", "feature/a", "feature/b"], &[], &["ada"]));
    let installation = github.install("acme", &all);
    github.install("strangers", &[github.repository("strangers/own", &[], &["eve"], &[])]);
    world.connect_account(&github, &ada, "ada").await;
    let service = &world.services.github;

    let installations = service.installations(&ada, &PageRequest::default()).await.unwrap().items;
    let seen: Vec<(u64, &str)> = installations.iter().map(|it| (it.id, it.account.as_str())).collect();
    assert_eq!(seen, [(installation, "acme")], "not those of others");
    let (mut page, mut names) = (PageRequest { limit: Some(50), cursor: None }, Vec::new());
    loop {
        let found = service.repositories(&ada, installation, None, &page).await.unwrap();
        names.extend(found.items.into_iter().map(|it| it.name));
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    assert_eq!((names.len(), names.last().unwrap().as_str()), (121, "acme/shop"));
    let found =
        service.repositories(&ada, installation, Some("SHOP"), &PageRequest::default()).await.unwrap();
    assert_eq!(found.next_cursor, None);
    let found: Vec<(String, bool)> = found.items.into_iter().map(|it| (it.name, it.may_connect)).collect();
    assert_eq!(found, [("acme/shop".to_owned(), false)]);
    let unknown = service.repositories(&ada, 1, None, &PageRequest::default()).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");

    let one = PageRequest { limit: Some(2), cursor: None };
    let branches = service.branches(&ada, ("acme", "shop"), None, &one).await.unwrap();
    assert_eq!(
        (branches.items, branches.next_cursor.as_deref()),
        (vec!["main".into(), "feature/a".into()], Some("2"))
    );
    let branches = service.branches(&ada, ("acme", "shop"), Some("feature/b"), &one).await.unwrap();
    assert_eq!(branches.items, ["feature/b"]);
    let hidden = service.branches(&ada, ("strangers", "own"), None, &one).await.unwrap_err();
    assert!(matches!(hidden, Error::NotFound { .. }), "{hidden}");

    // A token that is about to end is renewed, and what is over asks for nothing but patience.
    world.later(8 * 3600 - 60);
    service.installations(&ada, &PageRequest::default()).await.unwrap();
    github.answer_instead(
        403,
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4000000000")],
        "rate limit",
    );
    let limited = service.installations(&ada, &PageRequest::default()).await.unwrap_err();
    assert!(matches!(limited, Error::RateLimited { retry_after_s: 7200 }), "{limited}");
    assert!(described(&github).len() >= 5);
    world.stop().await;
}
