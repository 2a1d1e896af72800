//! Whether a pipeline could be deployed, asked of nodes that are there.

use pierhead_control::{DryRunQuestion, NewProject};
use pierhead_model::pipeline::Format;
use pierhead_model::project::ProjectSettings;

use crate::agent::Pretended;
use crate::world::World;

/// Needs 3 GiB at once, and no image of a registry.
const PIPELINE: &str = "\
version: 1
steps:
  build-a: {kind: build, resources: {memory_mb: 1536}}
  build-b: {kind: build, resources: {memory_mb: 1536}}
  a: {kind: site, build: build-a}
  b: {kind: site, build: build-b}
";

#[tokio::test]
async fn a_node_with_room_is_found_and_one_without_is_told_with_the_numbers() {
    let mut world = World::start().await;
    let new = NewProject { name: "pages-of-us".to_owned(), team: None, settings: ProjectSettings::default() };
    world.services.projects.create(&world.admin, new).await.unwrap();
    let pipelines = &world.services.pipelines;
    pipelines.save(&world.admin, "pages-of-us", PIPELINE, Format::Yaml, None, None).await.unwrap();
    let question = DryRunQuestion::default();
    let ask = async || pipelines.dry_run(&world.admin, "pages-of-us", &question).await.unwrap();
    let told = |found: &pierhead_control::DryRunView| {
        found.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };

    let nobody = ask().await;
    assert!(!nobody.is_good() && told(&nobody).contains("no node of `local` is online"), "{}", told(&nobody));
    assert_eq!((nobody.room.memory_mb, nobody.rounds.len()), (3072, 2));

    world.join("small", Pretended { memory_mb: 2048, ..Pretended::default() }).await;
    world.until_online(1).await;
    let pipelines = &world.services.pipelines;
    let ask = async || pipelines.dry_run(&world.admin, "pages-of-us", &question).await.unwrap();
    let small = ask().await;
    assert!(!small.is_good(), "{}", told(&small));
    assert!(told(&small).contains("3072 MiB") && told(&small).contains("small has"), "{}", told(&small));

    world.join("large", Pretended { memory_mb: 8192, ..Pretended::default() }).await;
    world.until_online(2).await;
    let large = world.services.pipelines.dry_run(&world.admin, "pages-of-us", &question).await.unwrap();
    assert!(large.is_good(), "{}", told(&large));
}
