//! Containers and volumes of an instance: made, seen, replaced, removed.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use codemate_preview::engine::{
    BuildRequest, Engine, EngineError, Observed, Owned, docker::Docker,
};
use tokio::sync::mpsc;

use super::{OWNER_LABEL, Rig, approved, docker, settings, variable};

#[tokio::test]
async fn an_instance_is_made_seen_and_removed() {
    let rig = Rig::new("an_instance_is_made_seen_and_removed");
    let (engine, id, spec) = (&rig.engine, rig.id(), rig.spec());
    assert_eq!(engine.observe(&id).await.unwrap(), Observed::Absent);
    assert_eq!(engine.home(&spec.home_volume).await.unwrap(), None);

    engine.start(&approved(spec.clone())).await.unwrap();
    assert_eq!(
        engine.observe(&id).await.unwrap(),
        Observed::Running {
            generation: 1,
            paused: false
        }
    );
    let owned = engine.list_owned().await.unwrap();
    let container = Owned::Container {
        id: id.clone(),
        name: spec.name.clone(),
        role: spec.role,
        generation: 1,
        running: true,
    };
    let home = Owned::Home {
        volume: spec.home_volume.clone(),
        id: id.clone(),
    };
    assert_eq!(owned, [container, home]);
    assert_eq!(rig.containers().len(), 1, "no helper stays");

    engine.remove(&id, Duration::ZERO).await.unwrap();
    engine.remove(&id, Duration::from_secs(1)).await.unwrap();
    assert_eq!(engine.observe(&id).await.unwrap(), Observed::Absent);
    assert!(
        engine.home(&spec.home_volume).await.unwrap().is_some(),
        "files outlive the container"
    );
    engine.remove_home(&spec.home_volume).await.unwrap();
    engine.remove_home(&spec.home_volume).await.unwrap();
    assert_eq!(engine.list_owned().await.unwrap(), []);
}

#[tokio::test]
async fn a_newer_generation_takes_the_place_of_the_older() {
    let rig = Rig::new("a_newer_generation_takes_the_place_of_the_older");
    let mut spec = rig.spec();
    rig.engine.start(&approved(spec.clone())).await.unwrap();
    assert_eq!(rig.run(&["write", "/home/app/kept"]).await.0, "written");
    spec.generation = 2;
    rig.engine.start(&approved(spec.clone())).await.unwrap();
    assert_eq!(rig.containers().len(), 1);
    let running = Observed::Running {
        generation: 2,
        paused: false,
    };
    assert_eq!(rig.engine.observe(&rig.id()).await.unwrap(), running);
    assert_eq!(
        rig.run(&["stat", "/home/app/kept"]).await.0,
        "1000:1000 644"
    );

    spec.generation = 1;
    let error = rig.engine.start(&approved(spec)).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Refused { status: 409, .. }),
        "{error}"
    );
    assert_eq!(rig.engine.observe(&rig.id()).await.unwrap(), running);
}

#[tokio::test]
async fn starting_twice_gives_one_container() {
    let rig = Rig::new("starting_twice_gives_one_container");
    let spec = approved(rig.spec());
    rig.engine.start(&spec).await.unwrap();
    rig.engine.start(&spec).await.unwrap();
    assert_eq!(rig.containers().len(), 1);
}

#[tokio::test]
async fn an_exit_is_seen_with_its_code() {
    let rig = Rig::new("an_exit_is_seen_with_its_code");
    let mut spec = rig.spec();
    spec.env.extend([variable("DIE_WITH", "7")]);
    rig.engine.start(&approved(spec)).await.unwrap();
    docker(&["wait", &rig.containers()[0]]);
    let exited = Observed::Exited {
        generation: 1,
        code: 7,
        out_of_memory: false,
    };
    assert_eq!(rig.engine.observe(&rig.id()).await.unwrap(), exited);
}

#[tokio::test]
async fn a_start_that_fails_leaves_only_the_home() {
    let rig = Rig::new("a_start_that_fails_leaves_only_the_home");
    // A file where the home is to be mounted: it can be created, and neither filled nor started.
    let mut spec = rig.spec();
    spec.image = format!("codemate-test/{}:blocked", rig.owner)
        .parse()
        .unwrap();
    let dockerfile = Bytes::from_static(b"FROM scratch\nCOPY ca.crt /home/app\n");
    let build = BuildRequest {
        tag: spec.image.clone(),
        context: BTreeMap::from([("Dockerfile".to_owned(), dockerfile)]),
        args: BTreeMap::new(),
    };
    let (progress, _unread) = mpsc::channel(100);
    rig.engine.build_image(build, progress).await.unwrap();
    let error = rig.engine.start(&approved(spec)).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused { .. }), "{error}");
    assert_eq!(rig.containers(), [""; 0]);
    let home = Owned::Home {
        volume: rig.spec().home_volume,
        id: rig.id(),
    };
    assert_eq!(rig.engine.list_owned().await.unwrap(), [home]);
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named() {
    let rig = Rig::new("an_image_that_is_not_there_is_named");
    let mut spec = rig.spec();
    spec.image = "codemate-test/absent:1".parse().unwrap();
    let error = rig.engine.start(&approved(spec)).await.unwrap_err();
    assert!(
        matches!(error, EngineError::NoImage { ref image, .. } if image == "codemate-test/absent:1"),
        "{error}"
    );
    assert_eq!(
        rig.engine.home(&rig.spec().home_volume).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn two_owners_do_not_see_each_other() {
    let test = "two_owners_do_not_see_each_other";
    let (one, two) = (Rig::new(test), Rig::new(test));
    one.engine.start(&approved(one.spec())).await.unwrap();
    assert_eq!(two.engine.list_owned().await.unwrap(), []);
    assert_eq!(
        two.engine.observe(&one.id()).await.unwrap(),
        Observed::Absent
    );
    two.engine.remove(&one.id(), Duration::ZERO).await.unwrap();
    let error = two
        .engine
        .remove_home(&one.spec().home_volume)
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Refused { status: 409, .. }),
        "{error}"
    );
    let error = two.engine.start(&approved(one.spec())).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Refused { status: 409, .. }),
        "{error}"
    );
    assert_eq!(one.containers().len(), 1);
    assert!(matches!(
        one.engine.observe(&one.id()).await.unwrap(),
        Observed::Running { .. }
    ));
}

#[tokio::test]
async fn a_name_taken_by_another_container_is_left_alone() {
    let rig = Rig::new("a_name_taken_by_another_container_is_left_alone");
    let spec = rig.spec();
    let owner: String = rig.owner.chars().take(6).collect();
    let name = format!("cmp-{owner}-{}-{}-1", spec.name, &spec.id.as_str()[..6]);
    let foreign = docker(&["create", "--name", &name, spec.image.as_str(), "/x"]);
    let error = rig.engine.start(&approved(spec)).await.unwrap_err();
    let there = docker(&[
        "ps",
        "-aq",
        "--no-trunc",
        "--filter",
        &format!("name=^{name}$"),
    ]);
    docker(&["rm", "-f", &foreign]);
    assert!(
        matches!(error, EngineError::Refused { status: 409, .. }),
        "{error}"
    );
    assert_eq!(there, foreign);
}

#[tokio::test]
async fn what_a_crash_left_behind_is_no_hindrance() {
    let rig = Rig::new("what_a_crash_left_behind_is_no_hindrance");
    let spec = rig.spec();
    rig.engine.start(&approved(spec.clone())).await.unwrap();
    rig.engine.remove(&rig.id(), Duration::ZERO).await.unwrap();
    rig.engine.retire().await.unwrap();
    // A guest volume that was made and not filled, a home that was made and not given away, a
    // helper that was not removed: each as after a kill in the middle of `start`.
    let label = format!("{OWNER_LABEL}={}", rig.owner);
    let volumes = docker(&["volume", "ls", "-q", "--filter", &format!("label={label}")]);
    let guest = volumes
        .lines()
        .find(|name| name.starts_with("cmp-guest-"))
        .unwrap();
    for volume in [guest, &spec.home_volume] {
        docker(&["volume", "rm", volume]);
        docker(&["volume", "create", "--label", &label, volume]);
    }
    let helper = format!("{guest}-helper");
    docker(&[
        "create",
        "--name",
        &helper,
        "--label",
        &label,
        spec.image.as_str(),
        "/x",
    ]);

    let restarted = Docker::connect(settings(&rig.owner)).unwrap();
    restarted.start(&approved(spec)).await.unwrap();
    assert_eq!(rig.containers().len(), 1);
    assert_eq!(rig.run(&["stat", "/.codemate/guest"]).await.0, "0:0 555");
    assert_eq!(rig.run(&["stat", "/home/app"]).await.0, "1000:1000 755");
}

#[tokio::test]
async fn ten_at_once_share_one_guest_volume() {
    let rig = Rig::new("ten_at_once_share_one_guest_volume");
    let spec = rig.spec();
    let specs = (0..10).map(|number| {
        let mut spec = spec.clone();
        spec.id = format!("{number:x}{}", "0".repeat(11)).parse().unwrap();
        spec.home_volume = format!("cmp-{}-{number}-home", rig.owner);
        approved(spec)
    });
    let engine = &rig.engine;
    let started = specs.map(|spec| async move { engine.start(&spec).await });
    for outcome in futures_util::future::join_all(started).await {
        outcome.unwrap();
    }
    assert_eq!(rig.containers().len(), 10);
}
