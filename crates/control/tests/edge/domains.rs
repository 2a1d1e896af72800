//! Whose a hostname is.

use pierhead_control::{Error, NewDomain};
use pierhead_model::domain::DomainState;

use crate::world::World;

const HOST: &str = "www.example.org";

fn value(view: &pierhead_control::DomainView, kind: &str) -> String {
    view.records.iter().find(|record| record.kind == kind).unwrap().value.clone()
}

#[tokio::test]
async fn a_record_in_dns_makes_a_hostname_show_the_project() {
    let world = World::start().await;
    world.deploy("shop").await;
    let added = world.claim("shop", HOST).await;
    assert_eq!(added.state, DomainState::Pending);
    assert_eq!(added.records[0].name, "_pierhead.www.example.org");
    let failed = world.until_state("shop", HOST, DomainState::Failed).await;
    assert!(failed.explanation.contains("no TXT"), "{}", failed.explanation);
    assert_eq!(world.routed(HOST), None);
    world.dns.txt("_pierhead.www.example.org", &value(&added, "TXT"));
    let verified = world.verify("shop", HOST).await;
    assert_eq!(verified.state, DomainState::Verified, "{}", verified.explanation);
    assert!(verified.verified_at.is_some());
    world.until_routed(HOST, Some("shop")).await;
    world.services.domains.delete(&world.admin, "shop", HOST).await.unwrap();
    world.until_routed(HOST, None).await;
}

#[tokio::test]
async fn an_alias_of_the_proof_is_enough_and_one_of_the_projects_name_is_not() {
    let world = World::start().await;
    world.deploy("shop").await;
    let added = world.claim("shop", HOST).await;
    world.dns.cname(HOST, "shop.apps.test");
    let told = world.until_state("shop", HOST, DomainState::Failed).await;
    assert!(told.explanation.contains("shop.apps.test"), "{}", told.explanation);
    world.dns.remove(HOST);
    world.dns.cname(HOST, &value(&added, "CNAME"));
    world.until_verified("shop", HOST).await;
    world.until_routed(HOST, Some("shop")).await;
}

/// A takes nothing from B by claiming; what B leaves behind in DNS is of no use to A; whoever owns the zone decides.
#[tokio::test]
async fn one_project_cannot_take_anothers_hostname() {
    let world = World::start().await;
    for project in ["shop", "thief"] {
        world.deploy(project).await;
    }
    let own = world.claim("shop", HOST).await;
    world.dns.cname(HOST, &value(&own, "CNAME"));
    world.until_verified("shop", HOST).await;
    let theirs = world.claim("thief", HOST).await;
    assert_ne!(value(&theirs, "TXT"), value(&own, "TXT"));
    world.until_state("thief", HOST, DomainState::Failed).await;
    // Even with both proofs in the zone the holder keeps it.
    world.dns.txt("_pierhead.www.example.org", &value(&theirs, "TXT"));
    world.until_explained("thief", HOST, "verified for another project").await;
    assert_eq!(world.routed(HOST).as_deref(), Some("shop"));
    // The holder gives up; the alias that is left proves nothing for the other.
    world.dns.remove("_pierhead.www.example.org");
    world.services.domains.delete(&world.admin, "shop", HOST).await.unwrap();
    world.until_routed(HOST, None).await;
    world.until_explained("thief", HOST, "found").await;
    assert_eq!(world.routed(HOST), None);
    // Its owner moves the zone to the other project.
    world.dns.remove(HOST);
    world.dns.txt("_pierhead.www.example.org", &value(&theirs, "TXT"));
    world.until_verified("thief", HOST).await;
    world.until_routed(HOST, Some("thief")).await;
}

#[tokio::test]
async fn a_zone_that_was_sold_moves_and_a_silent_server_moves_nothing() {
    let world = World::start().await;
    for project in ["old", "new"] {
        world.deploy(project).await;
    }
    let old = world.claim("old", HOST).await;
    world.dns.txt("_pierhead.www.example.org", &value(&old, "TXT"));
    world.until_verified("old", HOST).await;
    let new = world.claim("new", HOST).await;
    world.dns.set_broken(true);
    let silent = world.until_explained("new", HOST, "did not answer").await;
    assert_ne!(silent.state, DomainState::Verified);
    world.until_explained("old", HOST, "did not answer").await;
    assert_eq!(world.routed(HOST).as_deref(), Some("old"), "silence takes nothing away");
    world.dns.set_broken(false);
    world.dns.remove("_pierhead.www.example.org");
    world.dns.txt("_pierhead.www.example.org", &value(&new, "TXT"));
    world.until_verified("new", HOST).await;
    world.until_routed(HOST, Some("new")).await;
    let displaced = world.services.domains.get(&world.admin, "old", HOST).await.unwrap();
    assert_eq!(displaced.state, DomainState::Failed, "{}", displaced.explanation);
}

#[tokio::test]
async fn the_platforms_names_and_what_is_no_name_are_refused() {
    let world = World::start().await;
    world.deploy("shop").await;
    for name in [
        "x.apps.test",
        "apps.test",
        "console.test",
        "localhost",
        "a.localhost",
        "192.0.2.7",
        "a b.example",
        "",
    ] {
        let new = NewDomain { name: name.to_owned(), slot: None };
        let refused = world.services.domains.put(&world.admin, "shop", new).await;
        assert!(matches!(refused, Err(Error::Validation(_))), "{name}: {refused:?}");
    }
    let all = ["a.example.org", "b.example.org", "A.example.org"];
    let items = all.map(|name| NewDomain { name: name.to_owned(), slot: None });
    let twice = world.services.domains.replace(&world.admin, "shop", items.to_vec()).await.unwrap_err();
    assert!(twice.to_string().contains("twice"), "{twice}");
    assert!(
        world.services.domains.list(&world.admin, "shop").await.unwrap().is_empty(),
        "nothing was written"
    );
    world.services.domains.replace(&world.admin, "shop", items[..2].to_vec()).await.unwrap();
    let left = world.services.domains.replace(&world.admin, "shop", items[1..2].to_vec()).await.unwrap();
    assert_eq!(left.iter().map(|domain| domain.name.as_str()).collect::<Vec<_>>(), ["b.example.org"]);
}
