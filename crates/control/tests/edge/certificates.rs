//! Certificates: ordered at Pebble, proved by what the ingresses answer or by a record, renewed, uploaded.

use std::time::Duration;

use pierhead_control::{Error, NewCertificate};
use pierhead_model::certificate::CertificateSource;

use crate::cloudflare::Cloudflare;
use crate::world::{DAY, World, upload};

const HOST: &str = "www.example.org";
const NINETY_DAYS: Duration = Duration::from_secs(90 * 24 * 3600);

#[tokio::test]
async fn a_verified_domain_gets_a_certificate_and_the_next_one_ahead_of_time() {
    let world = World::with_authority(NINETY_DAYS).await;
    world.own("shop", HOST).await;
    let first = world.until_certified(HOST, |_| true).await;
    let view = world.services.domains.get(&world.admin, "shop", HOST).await.unwrap();
    assert_eq!(view.certificate.source, Some(CertificateSource::Acme));
    assert_eq!(view.certificate.problem, None);
    assert!(world.challenges().is_empty(), "the answer is taken down");
    let listed = world.services.certificates.of_project(&world.admin, "shop").await.unwrap();
    assert_eq!(listed[0].names, [HOST]);
    world.turn_ahead(59 * DAY);
    world.services.domains.verify(&world.admin, "shop", HOST).await.unwrap();
    let early = world.services.domains.get(&world.admin, "shop", HOST).await.unwrap();
    assert_eq!(early.certificate.not_after, view.certificate.not_after, "a third of its life is left");
    world.turn_ahead(2 * DAY);
    world.until_certified(HOST, |chain| *chain != first).await;
    let listed = world.services.certificates.of_project(&world.admin, "shop").await.unwrap();
    assert_eq!(listed.len(), 1, "the one before is gone");
}

#[tokio::test]
async fn an_order_that_fails_says_why_and_the_next_one_waits() {
    let world = World::with_authority(NINETY_DAYS).await;
    // Nobody answers there, so the authority finds nothing.
    world.set_deaf(true);
    world.own("shop", HOST).await;
    let failed = world.until("shop", HOST, |view| view.certificate.problem.is_some()).await.certificate;
    let problem = failed.problem.unwrap();
    assert!(problem.contains(HOST) || problem.contains("connect"), "{problem}");
    assert!(failed.next_order_at.unwrap() > world.now(), "not at once");
    assert!(world.certified(HOST).is_none() && world.challenges().is_empty());
    world.set_deaf(false);
    world.services.domains.renew(&world.admin, "shop", HOST).await.unwrap();
    world.until_certified(HOST, |_| true).await;
    let view = world.services.domains.get(&world.admin, "shop", HOST).await.unwrap();
    assert_eq!(view.certificate.problem, None);
}

#[tokio::test]
async fn a_name_without_an_address_is_not_ordered() {
    let world = World::with_authority(NINETY_DAYS).await;
    world.deploy("shop").await;
    world.prove("shop", HOST).await;
    let failed = world.until("shop", HOST, |view| view.certificate.problem.is_some()).await.certificate;
    assert!(failed.problem.unwrap().contains("no address"));
}

#[tokio::test]
async fn a_wildcard_is_proved_by_a_record_that_is_removed_again() {
    let world = World::with_cloudflare(NINETY_DAYS).await;
    world.until_certified("*.apps.test", |_| true).await;
    let cloudflare: &Cloudflare = world.cloudflare();
    assert_eq!(cloudflare.made(), ["_acme-challenge.apps.test"]);
    assert!(cloudflare.left().is_empty(), "{:?}", cloudflare.left());
    let listed = world.services.certificates.list(&world.admin).await.unwrap();
    assert_eq!(listed[0].names, ["*.apps.test"]);
}

#[tokio::test]
async fn what_was_uploaded_goes_first_for_ones_own_names_only() {
    let world = World::with_authority(NINETY_DAYS).await;
    world.own("shop", HOST).await;
    let ordered = world.until_certified(HOST, |_| true).await;
    world.deploy("thief").await;
    let foreign = upload(&[HOST]);
    let refused = world.services.certificates.upload(&world.admin, "thief", foreign).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    // Claiming it too is not enough: it is not verified for the other.
    world.claim("thief", HOST).await;
    world.services.certificates.upload(&world.admin, "thief", upload(&[HOST])).await.unwrap();
    let own = upload(&[HOST, "elsewhere.example.org"]);
    let (chain, key) = (own.chain.clone(), own.key.clone());
    let kept = world.services.certificates.upload(&world.admin, "shop", own).await.unwrap();
    world.until_certified(HOST, |served| *served == chain).await;
    assert_eq!(world.certified("elsewhere.example.org"), None, "not a domain of this project");
    let mixed = NewCertificate { chain: upload(&[HOST]).chain, key };
    let refused = world.services.certificates.upload(&world.admin, "shop", mixed).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    world.services.certificates.delete(&world.admin, "shop", &kept.id).await.unwrap();
    world.until_certified(HOST, |served| *served == ordered).await;
}
