//! The list a person chooses from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use pierhead_registry::tags::{Dates, Freshness, Keeping, Order, TagPattern};
use pierhead_registry::{ImageDigest, Registry, RegistryError, TagBrowser};

use crate::stub::{Stub, json, reply, repository, tags};

const LIST: &str = "/v2/acme/api/tags/list";

fn keeping() -> Keeping {
    Keeping {
        fresh: Duration::from_millis(300),
        stale: Duration::from_millis(700),
        rest: Duration::from_millis(100),
        lists: 10,
    }
}

async fn list(
    browser: &TagBrowser,
    registry: &Registry,
    pattern: &str,
    freshness: Freshness,
) -> Result<(Vec<String>, Option<RegistryError>), RegistryError> {
    let pattern = TagPattern::new(pattern).unwrap();
    let listing = browser.list(registry, &repository(), &pattern, Dates::Unasked, freshness).await?;
    assert_eq!(listing.order, Order::Name);
    Ok((listing.tags.iter().map(|tag| tag.tag.to_string()).collect(), listing.stale))
}

#[tokio::test]
async fn tags_are_filtered_ordered_and_fetched_once() {
    let stub = Stub::start(|_| json(tags(["v1.9", "main", "v1.10", "latest", "v1.10-rc1"]))).await;
    let (browser, registry) = (TagBrowser::default(), stub.registry());
    let all = list(&browser, &registry, "*", Freshness::Kept).await.unwrap().0;
    assert_eq!(all, ["latest", "v1.10", "v1.10-rc1", "v1.9", "main"]);
    let asked = (0..20).map(|_| list(&browser, &registry, "v1.1*", Freshness::Kept));
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.unwrap().0, ["v1.10", "v1.10-rc1"]);
    }
    assert_eq!(stub.count(LIST), 1);
    // Another account may not see what this one does.
    list(&browser, &stub.registry(), "*", Freshness::Kept).await.unwrap();
    assert_eq!(stub.count(LIST), 2);
}

#[tokio::test]
async fn many_who_ask_first_wait_for_one_answer_good_or_bad() {
    let status = Arc::new(AtomicU16::new(200));
    let shared = Arc::clone(&status);
    let stub = Stub::start(move |_| match shared.load(Ordering::SeqCst) {
        200 => json(tags(["1"])),
        status => reply(status, &[], ""),
    })
    .await;
    for (now, good) in [(200, true), (403, false)] {
        status.store(now, Ordering::SeqCst);
        let (browser, registry) = (TagBrowser::default(), stub.registry());
        let before = stub.count(LIST);
        let asked = (0..20).map(|_| list(&browser, &registry, "*", Freshness::Kept));
        let answers = futures::future::join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.is_ok() == good));
        assert_eq!(stub.count(LIST) - before, 1);
    }
}

#[tokio::test]
async fn an_old_list_is_shown_while_the_registry_is_down_but_not_when_it_says_no() {
    let status = Arc::new(AtomicU16::new(200));
    let shared = Arc::clone(&status);
    let stub = Stub::start(move |_| match shared.load(Ordering::SeqCst) {
        200 => json(tags(["1"])),
        status => reply(status, &[], ""),
    })
    .await;
    let (browser, registry) = (TagBrowser::new(keeping()), stub.registry());
    list(&browser, &registry, "*", Freshness::Kept).await.unwrap();

    status.store(503, Ordering::SeqCst);
    let pattern = TagPattern::any().unwrap();
    let ask = |freshness| browser.list(&registry, &REPOSITORY, &pattern, Dates::Unasked, freshness);
    tokio::time::sleep(Duration::from_millis(350)).await;
    let old = ask(Freshness::Kept).await.unwrap();
    assert!(matches!(old.stale, Some(RegistryError::ServerFault { .. })));
    assert!(old.age >= Duration::from_millis(350) && old.tags.len() == 1);
    let asked = stub.count(LIST);
    assert!(ask(Freshness::Kept).await.unwrap().stale.is_some());
    assert_eq!(stub.count(LIST), asked, "it is given a rest");
    ask(Freshness::Now).await.unwrap();
    assert!(stub.count(LIST) > asked, "unless somebody insists");

    status.store(200, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(ask(Freshness::Kept).await.unwrap().stale, None);

    status.store(403, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert!(matches!(ask(Freshness::Kept).await, Err(RegistryError::RepositoryNotFound { .. })));
    status.store(503, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(matches!(ask(Freshness::Kept).await, Err(RegistryError::ServerFault { .. })), "nothing was kept");
}

#[tokio::test]
async fn a_list_that_is_too_old_is_not_shown() {
    let status = Arc::new(AtomicU16::new(200));
    let shared = Arc::clone(&status);
    let stub = Stub::start(move |_| match shared.load(Ordering::SeqCst) {
        200 => json(tags(["1"])),
        status => reply(status, &[], ""),
    })
    .await;
    let (browser, registry) = (TagBrowser::new(keeping()), stub.registry());
    list(&browser, &registry, "*", Freshness::Kept).await.unwrap();
    status.store(503, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert!(list(&browser, &registry, "*", Freshness::Kept).await.is_err());
}

/// A registry of images made at given moments; the digest is that of the manifest, the manifest's that of the configuration.
fn dated(seen: &crate::stub::Seen) -> axum::response::Response {
    let config = |created: &str| format!(r#"{{"os":"linux","architecture":"amd64","created":"{created}"}}"#);
    let manifest = |created: &str| {
        let digest = ImageDigest::of(config(created).as_bytes());
        format!(r#"{{"config":{{"digest":"{digest}","size":1}},"layers":[]}}"#)
    };
    let images = [
        ("abc", "2026-01-03T00:00:00Z"),
        ("def", "2026-01-01T00:00:00Z"),
        ("fed", "2026-01-02T00:00:00Z"),
        ("old", "1970-01-01T00:00:00Z"),
    ];
    if seen.path == LIST {
        return json(tags(images.iter().map(|(tag, _)| *tag)));
    }
    let last = seen.path.rsplit('/').next().unwrap();
    for (tag, created) in images {
        let (config, manifest) = (config(created), manifest(created));
        let digest = ImageDigest::of(manifest.as_bytes());
        if last == tag || last == digest.as_str() {
            return reply(200, &[("docker-content-digest", digest.as_str())], manifest);
        }
        if last == ImageDigest::of(config.as_bytes()).as_str() {
            return json(config);
        }
    }
    reply(404, &[], "")
}

#[tokio::test]
async fn what_was_made_last_comes_first_where_images_say_when() {
    let stub = Stub::start(dated).await;
    let (browser, registry) = (TagBrowser::default(), stub.registry());
    let any = TagPattern::any().unwrap();
    let names = |listing: pierhead_registry::tags::Listing| -> Vec<String> {
        listing.tags.iter().map(|tag| tag.tag.to_string()).collect()
    };
    let ask = |dates, freshness| browser.list(&registry, &REPOSITORY, &any, dates, freshness);
    let by_date = ask(Dates::First(10), Freshness::Kept).await.unwrap();
    assert_eq!(by_date.order, Order::Created);
    assert_eq!(names(by_date), ["abc", "fed", "def", "old"]);
    let asked = stub.seen().len();
    assert_eq!(asked, 1 + 4 * 3);
    let heads = stub.seen().iter().filter(|seen| seen.method == "HEAD").count();
    assert_eq!(heads, 4, "registries that count pulls do not count these");
    ask(Dates::First(10), Freshness::Kept).await.unwrap();
    assert_eq!(stub.seen().len(), asked, "dates are kept with the list");
    let two = TagBrowser::default();
    let listing = two.list(&registry, &REPOSITORY, &any, Dates::First(2), Freshness::Kept).await.unwrap();
    assert_eq!(names(listing), ["abc", "def", "fed", "old"], "the two first by name, then the rest by name");
    assert_eq!(stub.seen().len(), asked + 1 + 2, "an image's date never changes");
}

static REPOSITORY: std::sync::LazyLock<pierhead_registry::Repository> = std::sync::LazyLock::new(repository);
