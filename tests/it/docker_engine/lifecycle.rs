//! Containers and volumes of an instance, as Docker has them: names, helpers, owners of files, what a
//! crash left.

use std::time::Duration;

use codemate_preview::engine::{Engine, EngineError, HostEngine, docker::Docker};

use super::{OWNER_LABEL, Rig, approved, docker, settings};

#[tokio::test]
async fn no_helper_stays() {
    let rig = Rig::new("no_helper_stays");
    rig.engine.start(&approved(rig.spec())).await.unwrap();
    let label = format!("label={OWNER_LABEL}={}", rig.owner);
    let names = docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &label]);
    assert_eq!(rig.containers().len(), 1);
    assert!(!names.contains("helper"), "{names}");
}

#[tokio::test]
async fn a_home_is_the_apps_users_in_every_generation() {
    let rig = Rig::new("a_home_is_the_apps_users_in_every_generation");
    let mut spec = rig.spec();
    rig.engine.start(&approved(spec.clone())).await.unwrap();
    assert_eq!(rig.run(&["write", "/home/app/kept"]).await.0, "written");
    spec.generation = 2;
    rig.engine.start(&approved(spec)).await.unwrap();
    assert_eq!(
        rig.run(&["stat", "/home/app/kept"]).await.0,
        "1000:1000 644"
    );
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
