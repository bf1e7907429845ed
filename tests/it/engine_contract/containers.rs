//! Containers and homes of an instance: made, seen, replaced, removed.

use std::time::Duration;

use codemate_preview::{
    engine::{Capability, EngineError, Home, Leftover, LeftoverKind, Observed, Owned},
    model::{ContainerSpec, CpuSet},
};

use super::{Subject, command, is_conflict, is_missing, ran, started, until};
use crate::help::approve::approved;

fn container(spec: &ContainerSpec, running: bool) -> Owned {
    Owned::Container {
        id: spec.id.clone(),
        name: spec.name.clone(),
        generation: spec.generation,
        running,
    }
}

fn home(spec: &ContainerSpec) -> Owned {
    Owned::Home {
        volume: spec.home_volume.clone(),
        id: spec.id.clone(),
    }
}

pub async fn an_engine_tells_what_it_is(subject: &dyn Subject) {
    let engine = subject.engine();
    let info = engine.probe().await.unwrap();
    assert!(
        !info.product.is_empty() && !info.endpoint.is_empty(),
        "{info:?}"
    );
    assert!(info.cpus > 0 && info.memory_bytes > 0, "{info:?}");
    let abilities = engine.abilities().await.unwrap();
    assert_eq!(abilities.unenforced, info.unenforced);
    assert_eq!(engine.capabilities(), engine.capabilities());
    if !engine.capabilities().has(Capability::Pull) {
        assert!(!engine.registry_answers().await.unwrap());
    }
}

pub async fn an_instance_is_made_seen_and_removed(subject: &dyn Subject) {
    let (engine, spec) = (subject.engine(), subject.spec().await);
    let id = &spec.id;
    assert_eq!(engine.observe(id).await.unwrap(), Observed::Absent);
    assert_eq!(engine.home(&spec.home_volume).await.unwrap(), None);

    engine.start(&approved(spec.clone())).await.unwrap();
    let running = Observed::Running { generation: 1 };
    assert_eq!(engine.observe(id).await.unwrap(), running);
    assert_eq!(
        engine.list_owned().await.unwrap(),
        [container(&spec, true), home(&spec)]
    );

    engine.remove(id, Duration::from_secs(1)).await.unwrap();
    engine.remove(id, Duration::ZERO).await.unwrap();
    assert_eq!(engine.observe(id).await.unwrap(), Observed::Absent);
    assert!(
        engine.home(&spec.home_volume).await.unwrap().is_some(),
        "files outlive the container"
    );
    assert_eq!(engine.list_owned().await.unwrap(), [home(&spec)]);
    engine.remove_home(&spec.home_volume).await.unwrap();
    engine.remove_home(&spec.home_volume).await.unwrap();
    assert_eq!(engine.home(&spec.home_volume).await.unwrap(), None);
    assert_eq!(engine.list_owned().await.unwrap(), []);
}

pub async fn starting_twice_gives_one_container(subject: &dyn Subject) {
    let spec = started(subject).await;
    let engine = subject.engine();
    engine.start(&approved(spec.clone())).await.unwrap();
    assert_eq!(
        engine.list_owned().await.unwrap(),
        [container(&spec, true), home(&spec)]
    );
}

pub async fn a_newer_generation_takes_the_place_of_the_older(subject: &dyn Subject) {
    let engine = subject.engine();
    let mut spec = started(subject).await;
    let id = spec.id.clone();
    let in_home = |args: &[&str]| {
        let mut command = command(subject, args);
        ContainerSpec::HOME.clone_into(&mut command.cwd);
        command
    };
    let written = ran(subject, &id, in_home(&["write", "kept"])).await;
    assert_eq!(written.0, "written\n", "{written:?}");
    spec.generation = 2;
    engine.start(&approved(spec.clone())).await.unwrap();
    assert_eq!(
        engine.list_owned().await.unwrap(),
        [container(&spec, true), home(&spec)]
    );
    let running = Observed::Running { generation: 2 };
    assert_eq!(engine.observe(&id).await.unwrap(), running);
    let kept = ran(subject, &id, in_home(&["stat", "kept"])).await;
    assert_eq!(kept.2, 0, "{kept:?}");

    spec.generation = 1;
    is_conflict(engine.start(&approved(spec)).await);
    assert_eq!(engine.observe(&id).await.unwrap(), running);
}

pub async fn an_exit_is_seen_with_its_code(subject: &dyn Subject) {
    let spec = started(subject).await;
    let engine = subject.engine();
    subject.kill(&spec.id).await;
    let exited = until("its end is seen", || async {
        let observed = engine.observe(&spec.id).await.unwrap();
        (!matches!(observed, Observed::Running { .. })).then_some(observed)
    });
    let killed = Observed::Exited {
        generation: 1,
        code: 128 + 9,
        out_of_memory: false,
    };
    assert_eq!(exited.await, killed);
    assert_eq!(
        engine.list_owned().await.unwrap(),
        [container(&spec, false), home(&spec)]
    );
    // The next generation takes the place of what ended, too.
    let next = ContainerSpec {
        generation: 2,
        ..spec
    };
    engine.start(&approved(next.clone())).await.unwrap();
    let running = Observed::Running { generation: 2 };
    assert_eq!(engine.observe(&next.id).await.unwrap(), running);
}

pub async fn a_start_that_fails_leaves_only_the_home(subject: &dyn Subject) {
    let (engine, spec) = (subject.engine(), subject.unstartable().await);
    let error = engine.start(&approved(spec.clone())).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused { .. }), "{error}");
    assert_eq!(engine.observe(&spec.id).await.unwrap(), Observed::Absent);
    assert_eq!(engine.list_owned().await.unwrap(), [home(&spec)]);
}

pub async fn an_image_that_is_not_there_is_named(subject: &dyn Subject) {
    let mut spec = subject.spec().await;
    spec.image = subject.tag("absent");
    let (engine, image) = (subject.engine(), spec.image.to_string());
    assert_eq!(engine.image(&spec.image).await.unwrap(), None);
    let volume = spec.home_volume.clone();
    match engine.start(&approved(spec)).await {
        Err(EngineError::NoImage { image: named, .. }) => assert_eq!(named, image),
        other => panic!("{other:?}"),
    }
    assert_eq!(engine.home(&volume).await.unwrap(), None);
}

pub async fn two_owners_do_not_see_each_other(subject: &dyn Subject) {
    let spec = started(subject).await;
    let (engine, other) = (subject.engine(), subject.other());
    let others = other.engine();
    assert_eq!(others.list_owned().await.unwrap(), []);
    assert_eq!(others.observe(&spec.id).await.unwrap(), Observed::Absent);
    others.remove(&spec.id, Duration::ZERO).await.unwrap();
    is_missing(others.exec(&spec.id, command(subject, &["cat"])).await);
    is_conflict(others.home(&spec.home_volume).await);
    is_conflict(others.remove_home(&spec.home_volume).await);
    is_conflict(others.start(&approved(spec.clone())).await);
    assert_eq!(others.list_owned().await.unwrap(), []);
    assert_eq!(
        engine.list_owned().await.unwrap(),
        [container(&spec, true), home(&spec)]
    );
}

pub async fn a_home_in_use_stays(subject: &dyn Subject) {
    let spec = started(subject).await;
    let engine = subject.engine();
    is_conflict(engine.remove_home(&spec.home_volume).await);
    assert!(engine.home(&spec.home_volume).await.unwrap().is_some());
}

pub async fn a_home_is_held_to_its_limit_or_to_none(subject: &dyn Subject) {
    let spec = started(subject).await;
    let home = subject.engine().home(&spec.home_volume).await.unwrap();
    let Some(Home { quota }) = home else {
        panic!("no home");
    };
    assert!(quota.is_none_or(|bytes| bytes == spec.limits.disk_bytes));
}

/// Of an engine with one host.
pub async fn a_host_has_leftovers_and_looks_after_its_network(subject: &dyn Subject) {
    let engine = subject.engine();
    let Some(host) = engine.host() else { return };
    let spec = subject.spec().await;
    let first = CpuSet::all(1);
    is_missing(host.run_on(&spec.id, &first).await);
    engine.start(&approved(spec.clone())).await.unwrap();
    host.run_on(&spec.id, &first).await.unwrap();
    assert_eq!(host.guard().await.unwrap(), []);

    // An engine walks its disk for one who asks at a time.
    let homes = || async {
        match host.leftovers().await {
            Err(EngineError::Busy { .. }) => None,
            left => {
                let mut left = left.unwrap();
                left.retain(|it| matches!(it.kind, LeftoverKind::Home { .. }));
                Some(left)
            }
        }
    };
    assert_eq!(until("leftovers are told", homes).await, []);
    let kind = LeftoverKind::Home {
        id: spec.id.clone(),
    };
    let named = Leftover {
        kind: kind.clone(),
        name: spec.home_volume.clone(),
        bytes: 0,
    };
    is_conflict(host.remove_leftover(&named).await);
    engine.remove(&spec.id, Duration::ZERO).await.unwrap();
    let left = until("leftovers are told", homes).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((&left[0].kind, &left[0].name), (&kind, &spec.home_volume));
    host.remove_leftover(&left[0]).await.unwrap();
    host.remove_leftover(&left[0]).await.unwrap();
    assert_eq!(engine.home(&spec.home_volume).await.unwrap(), None);
    host.retire().await.unwrap();
    host.retire().await.unwrap();
}
