//! Which variables a deployment is told.

use pierhead_control::{DeploymentView, NewDeployment, NewVariable, VariablesAt, VariablesShown};
use pierhead_model::variable::Exposure;

use crate::agent::Pretended;
use crate::world::World;

fn at(environment: Option<&str>, slot: Option<&str>) -> VariablesAt {
    VariablesAt { environment: environment.map(str::to_owned), slot: slot.map(str::to_owned) }
}

impl World {
    async fn set(&self, at: &VariablesAt, key: &str, value: &str, secret: bool) {
        let (key, value) = (key.to_owned(), Some(value.to_owned()));
        let new = NewVariable { key, value, secret, exposure: Exposure::Runtime };
        self.services.variables.put(&self.admin, "shop", at, new).await.unwrap();
    }

    async fn deploy_to(&self, slot: &str) -> DeploymentView {
        let new = NewDeployment { slot: Some(slot.to_owned()), ..NewDeployment::default() };
        let accepted = self.services.deployments.deploy_project(&self.admin, "shop", new).await.unwrap();
        self.settled(accepted.id.as_str()).await
    }
}

fn told(view: &DeploymentView) -> &str {
    view.steps.iter().find(|step| step.name == "told").unwrap().note.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_gets_what_holds_in_its_slot_and_a_rollback_what_it_had() {
    let mut world = World::start().await;
    world.join("one", Pretended::default()).await;
    world.until_online(1).await;
    world.project("shop", 64).await;
    world.set(&at(None, None), "MODE", "project", false).await;
    world.set(&at(None, None), "ONLY", "project", true).await;
    world.set(&at(Some("local"), None), "MODE", "environment", true).await;
    world.set(&at(None, Some("pr-*")), "MODE", "previews", false).await;
    world.set(&at(None, Some("pr-2")), "MODE", "second", true).await;
    world.set(&at(None, Some("production")), "PRICE", "1", true).await;

    let first = world.deploy_to("production").await;
    for (slot, wanted) in [
        ("production", "MODE=environment ONLY=project PRICE=1"),
        ("pr-1", "MODE=previews ONLY=project"),
        ("pr-2", "MODE=second ONLY=project"),
    ] {
        assert_eq!(told(&world.deploy_to(slot).await), wanted, "{slot}");
        let variables = &world.services.variables;
        let at = at(None, Some(slot));
        let seen = variables.get(&world.admin, "shop", &at, VariablesShown::InForce).await.unwrap();
        let keys: Vec<_> = seen.items.iter().map(|item| item.key.as_str()).collect();
        let told_keys: Vec<_> = wanted.split(' ').filter_map(|pair| pair.split('=').next()).collect();
        assert_eq!(keys, told_keys, "{slot}");
    }

    world.set(&at(None, Some("production")), "PRICE", "2", true).await;
    world.set(&at(None, None), "NEW", "1", false).await;
    let now = world.deploy_to("production").await;
    assert_eq!(told(&now), "MODE=environment NEW=1 ONLY=project PRICE=2");
    let deployments = &world.services.deployments;
    let back = deployments.rollback(&world.admin, first.id.as_str(), false).await.unwrap();
    let back = world.settled(back.id.as_str()).await;
    assert_eq!(told(&back), "MODE=environment ONLY=project PRICE=1", "what it had");
    let forward = deployments.rollback(&world.admin, first.id.as_str(), true).await.unwrap();
    let forward = world.settled(forward.id.as_str()).await;
    assert_eq!(told(&forward), "MODE=environment NEW=1 ONLY=project PRICE=2", "what is set now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_an_environment_and_a_slot_or_a_beginning_of_slots() {
    let world = World::start().await;
    world.project("shop", 64).await;
    world.set(&at(None, None), "A", "1", false).await;
    world.set(&at(Some("local"), None), "A", "2", false).await;
    world.set(&at(Some("local"), Some("pr-*")), "A", "3", false).await;
    let variables = &world.services.variables;
    let all = variables.get(&world.admin, "shop", &at(None, None), VariablesShown::All).await.unwrap();
    let places: Vec<_> = all
        .items
        .iter()
        .map(|it| {
            let environment = it.environment.as_ref().map(ToString::to_string);
            (environment, it.slot.as_ref().map(|slot| slot.as_str().to_owned()), it.value.clone())
        })
        .collect();
    let local = || Some("local".to_owned());
    assert_eq!(
        places,
        [
            (None, None, Some("1".to_owned())),
            (local(), None, Some("2".to_owned())),
            (local(), Some("pr-*".to_owned()), Some("3".to_owned())),
        ]
    );
    for (environment, slot) in [(Some("elsewhere"), None), (None, Some("Not A Slot")), (None, Some("*x"))] {
        let asked = variables.get(&world.admin, "shop", &at(environment, slot), VariablesShown::Own).await;
        assert!(asked.is_err(), "{environment:?} {slot:?}");
    }
    let of_all = variables.get(&world.admin, "shop", &at(None, None), VariablesShown::InForce).await;
    assert!(of_all.is_err(), "an environment has to be said");
    // One place is replaced, and no other.
    variables.replace(&world.admin, "shop", &at(Some("local"), None), Vec::new(), None).await.unwrap();
    let left = variables.get(&world.admin, "shop", &at(None, None), VariablesShown::All).await.unwrap();
    assert_eq!(left.items.len(), 2);
}
