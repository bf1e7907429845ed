//! Base images that nothing uses any more, and the room that all of them may take.

use std::sync::atomic::Ordering;

use codemate_preview::{
    lifecycle::{LifecycleError, PruneItem},
    model::{Code, ImageInfo},
};
use jiff::Timestamp;

use super::world::{SERVER, World};

fn image(tag: &str, megabytes: u64, created: i64) -> ImageInfo {
    ImageInfo {
        id: tag.to_owned(),
        tags: vec![tag.parse().unwrap()],
        size_bytes: megabytes << 20,
        created,
        env: Vec::new(),
        recipe: None,
    }
}

fn left(world: &World) -> Vec<String> {
    let all = world.engine.images.lock().unwrap();
    all.iter().map(|image| image.id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prune_takes_images_that_no_start_has_used_for_long() {
    let world = World::new(SERVER);
    *world.engine.images.lock().unwrap() = vec![
        image("codemate/debian:bookworm", 80, 0),
        image("codemate/debian:trixie", 80, 0),
        image("codemate/python:3.11", 150, 0),
        image("codemate/python:3.13", 150, 0),
    ];
    let agent = world.agent();
    // It runs in 3.13, which stands on trixie.
    agent.up(world.order()).await.unwrap();
    let pruned = agent.manager.prune(true).await.unwrap();
    let gone: Vec<String> = pruned
        .into_iter()
        .filter_map(|waste| match waste {
            PruneItem::BaseImage { tag, .. } => Some(tag.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(gone, ["codemate/python:3.11", "codemate/debian:bookworm"]);
    assert_eq!(
        left(&world),
        ["codemate/debian:trixie", "codemate/python:3.13"]
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_used_for_longest_makes_room() {
    let mut world = World::new(SERVER);
    world.most_image_bytes = 400 << 20;
    let now = Timestamp::now().as_second();
    *world.engine.images.lock().unwrap() = vec![
        image("codemate/node:18", 200, now - 300),
        image("codemate/node:20", 200, now - 200),
        image("codemate/python:3.13", 200, now - 100),
    ];
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    let bounded = agent.manager.run_retention();
    let fits = async {
        while left(&world).len() > 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = bounded => panic!("it goes on until the agent stops"),
        () = fits => {}
    }
    assert_eq!(left(&world), ["codemate/node:20", "codemate/python:3.13"]);
    agent.stop().await;
}

/// Of every build: what was built, and on what.
fn built(world: &World) -> Vec<(String, String)> {
    let all = world.engine.built.lock().unwrap();
    all.iter()
        .map(|build| (build.tag.to_string(), build.args["BASE"].clone()))
        .collect()
}

async fn ensure(world: &World, image: &str) -> Result<(), LifecycleError> {
    let agent = world.agent();
    let image = image.parse().unwrap();
    let done = agent.manager.images().ensure(&image, &|_| {}).await;
    agent.stop().await;
    done.map(drop)
}

#[tokio::test]
async fn a_suite_is_made_in_another_where_no_registry_answers() {
    let world = World::new(SERVER);
    let only = "debian:bookworm-slim";
    *world.engine.here.lock().unwrap() = Some(vec![only.parse().unwrap()]);
    ensure(&world, "codemate/python:3.14-build").await.unwrap();
    let (forky, python) = ("codemate/debian:forky", "codemate/python:3.14");
    let told = [
        (forky, only),
        (python, forky),
        ("codemate/python:3.14-build", python),
    ];
    let told = told.map(|(tag, base)| (tag.to_owned(), base.to_owned()));
    assert_eq!(built(&world), told);
    let all = world.engine.built.lock().unwrap();
    let dockerfile = String::from_utf8_lossy(&all[0].context["Dockerfile"]);
    assert!(dockerfile.contains("FROM scratch"), "{dockerfile}");
}

#[tokio::test]
async fn where_a_registry_answers_the_official_image_is_taken() {
    let world = World::new(SERVER);
    *world.engine.here.lock().unwrap() = Some(Vec::new());
    world.engine.registry.store(true, Ordering::Relaxed);
    ensure(&world, "codemate/python:3.12").await.unwrap();
    assert_eq!(
        built(&world),
        [(
            "codemate/python:3.12".to_owned(),
            "python:3.12-slim-bookworm".to_owned()
        )]
    );
}

#[tokio::test]
async fn with_nothing_to_make_it_in_the_way_out_is_named() {
    let world = World::new(SERVER);
    *world.engine.here.lock().unwrap() = Some(Vec::new());
    for image in ["codemate/python:3.14", "codemate/python:3.12"] {
        let problem = ensure(&world, image).await.unwrap_err().problem();
        assert_eq!(problem.code, Code::Docker, "{problem:?}");
        assert_eq!(problem.next[0].argv[..2], ["docker", "pull"], "{problem:?}");
    }
    assert!(built(&world).is_empty());
}

/// As if `image` had been made from something else.
fn made_otherwise(world: &World, image: &str) {
    let mut recipes = world.engine.recipes.lock().unwrap();
    recipes.insert(image.parse().unwrap(), "of an older release".to_owned());
}

#[tokio::test]
async fn an_image_of_an_older_recipe_is_made_anew_and_once() {
    let world = World::new(SERVER);
    // Nobody says what it was made from: it is its user's own.
    ensure(&world, "codemate/python:3.13").await.unwrap();
    assert_eq!(built(&world), []);
    made_otherwise(&world, "codemate/python:3.13");
    for _ in 0..2 {
        ensure(&world, "codemate/python:3.13").await.unwrap();
        let all = built(&world);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].0, "codemate/python:3.13");
    }
}

#[tokio::test]
async fn where_it_cannot_be_made_anew_the_older_one_is_taken() {
    let world = World::new(SERVER);
    made_otherwise(&world, "codemate/python:3.13");
    world.engine.cannot_build.store(true, Ordering::Relaxed);
    ensure(&world, "codemate/python:3.13").await.unwrap();
    assert_eq!(built(&world), []);
}
