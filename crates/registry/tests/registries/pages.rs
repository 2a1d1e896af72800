//! Lists that come in pages, and what is behind a tag.

use pierhead_registry::client::TagList;
use pierhead_registry::manifest::Platform;
use pierhead_registry::{ImageDigest, RegistryError, Selector};

use crate::stub::{Seen, Stub, json, reply, repository, tags};

fn names(list: &TagList) -> Vec<&str> {
    list.tags.iter().map(|tag| tag.as_str()).collect()
}

fn page(seen: &Seen) -> usize {
    let number = seen.query.split('&').find_map(|pair| pair.strip_prefix("page="));
    number.map_or(0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn pages_are_followed_on_the_same_host_whatever_the_link_says() {
    let stub = Stub::start(|seen| match page(seen) {
        0 => reply(200, &[("link", "</v2/acme/api/tags/list?page=1>; rel=\"next\"")], tags(["a", "b"])),
        1 => reply(200, &[("link", "<https://internal.invalid/x?page=2>; rel=next")], tags(["c"])),
        _ => json(tags(["d", "a"])),
    })
    .await;
    let list = stub.registry().tags(&repository()).await.unwrap();
    assert_eq!(names(&list), ["a", "b", "c", "d"]);
    assert!(!list.truncated);
    assert!(stub.seen().iter().all(|seen| seen.path == "/v2/acme/api/tags/list"));
    assert_eq!(stub.seen()[0].query, "n=1000");
}

#[tokio::test]
async fn a_full_page_without_a_link_is_not_taken_for_the_last() {
    let all: Vec<String> = (0..2500).map(|number| format!("v{number:05}")).collect();
    let served = all.clone();
    let stub = Stub::start(move |seen| {
        let last = seen.query.split('&').find_map(|pair| pair.strip_prefix("last="));
        let from = last.map_or(0, |last| served.iter().position(|tag| tag == last).unwrap() + 1);
        json(tags(&served[from..served.len().min(from + 1000)]))
    })
    .await;
    let list = stub.registry().tags(&repository()).await.unwrap();
    assert_eq!(names(&list), all);
    assert_eq!(stub.seen().len(), 3);
}

#[tokio::test]
async fn a_registry_that_ignores_pages_is_asked_twice_at_most() {
    let all: Vec<String> = (0..1000).map(|number| format!("v{number}")).collect();
    let stub = Stub::start(move |_| json(tags(&all))).await;
    assert_eq!(stub.registry().tags(&repository()).await.unwrap().tags.len(), 1000);
    assert_eq!(stub.seen().len(), 2);
}

#[tokio::test]
async fn a_lower_maximum_of_pages_is_accepted() {
    let stub = Stub::start(|seen| {
        if seen.query.contains("n=1000") {
            return reply(400, &[], "{\"errors\":[{\"code\":\"PAGINATION_NUMBER_INVALID\"}]}");
        }
        json(tags(["1"]))
    })
    .await;
    assert_eq!(names(&stub.registry().tags(&repository()).await.unwrap()), ["1"]);
}

#[tokio::test]
async fn no_tags_are_no_error_and_odd_ones_are_left_out() {
    let stub = Stub::start(|_| json("{\"name\":\"acme/api\",\"tags\":null}")).await;
    assert_eq!(stub.registry().tags(&repository()).await.unwrap().tags, []);
    let stub = Stub::start(|_| json(tags(["ok", "", "-x", "a b", "../../x", "<b>"]))).await;
    assert_eq!(names(&stub.registry().tags(&repository()).await.unwrap()), ["ok"]);
}

const CONFIG: &str = r#"{"os":"linux","architecture":"arm64","created":"2026-03-01T10:00:00Z","config":{"Labels":{"a":"b"},"ExposedPorts":{"80/tcp":{}}}}"#;

fn image() -> String {
    format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{}","size":2}},"layers":[{{"digest":"{}","size":40}},{{"digest":"{}","size":2}}]}}"#,
        ImageDigest::of(CONFIG.as_bytes()),
        ImageDigest::of(b"a"),
        ImageDigest::of(b"b")
    )
}

fn index() -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
            {{"digest":"{}","size":9,"platform":{{"os":"unknown","architecture":"unknown"}}}},
            {{"digest":"{}","size":9,"platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}}]}}"#,
        ImageDigest::of(b"attestation"),
        ImageDigest::of(image().as_bytes())
    )
}

fn content(seen: &Seen) -> axum::response::Response {
    let of = |text: &str| ImageDigest::of(text.as_bytes()).to_string();
    let last = seen.path.rsplit('/').next().unwrap();
    let body = [CONFIG.to_owned(), image(), index()].into_iter().find(|body| of(body) == last);
    match (last, body) {
        ("1", _) => json(index()),
        ("single", _) => json(image()),
        (_, Some(body)) => json(body),
        _ => reply(404, &[], "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}"),
    }
}

#[tokio::test]
async fn an_image_is_described_for_a_platform() {
    let stub = Stub::start(content).await;
    let registry = stub.registry();
    let tag = |tag: &str| Selector::Tag(tag.parse().unwrap());
    for selector in [tag("1"), tag("single")] {
        let arm = Platform::linux("arm64");
        let info = registry.image(&repository(), &selector, Some(&arm)).await.unwrap();
        assert_eq!((info.size, info.ports.as_slice(), info.labels["a"].as_str()), (42, &[80][..], "b"));
        assert_eq!(info.created.unwrap().to_string(), "2026-03-01T10:00:00Z");
        let digest = registry.digest(&repository(), &selector).await.unwrap();
        assert_eq!(digest, info.digest, "computed where the registry does not say it");
        let amd = Platform::linux("amd64");
        let missing = registry.image(&repository(), &selector, Some(&amd)).await.unwrap_err();
        assert!(matches!(missing, RegistryError::PlatformMissing { .. }), "{missing}");
        assert!(missing.to_string().contains("linux/arm64"), "{missing}");
    }
    let missing = registry.image(&repository(), &tag("2"), None).await.unwrap_err();
    assert!(matches!(missing, RegistryError::ManifestNotFound { .. }), "{missing}");
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_refused() {
    let stub = Stub::start(|seen| {
        if seen.path.contains("/blobs/") { json(CONFIG.replace("arm64", "amd64")) } else { content(seen) }
    })
    .await;
    let tag = Selector::Tag("1".parse().unwrap());
    let refused = stub.registry().image(&repository(), &tag, None).await.unwrap_err();
    assert!(matches!(refused, RegistryError::DigestMismatch { .. }), "{refused}");

    let stub = Stub::start(|_| json(image())).await;
    let other = Selector::Digest(ImageDigest::of(b"something else"));
    let refused = stub.registry().manifest(&repository(), &other).await.unwrap_err();
    assert!(matches!(refused, RegistryError::DigestMismatch { .. }), "{refused}");

    let claimed = ImageDigest::of(b"something else").to_string();
    let stub = Stub::start(move |_| reply(200, &[("docker-content-digest", &claimed)], image())).await;
    let refused = stub.registry().manifest(&repository(), &tag).await.unwrap_err();
    assert!(matches!(refused, RegistryError::DigestMismatch { .. }), "{refused}");
}
