//! The life of an instance, in this process, on an engine without Docker.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use codemate_preview::{
    engine::Engine,
    lifecycle::{LifecycleError, StartRequest},
    model::{Code, DenialStage, EgressDenial, Event, Options, PhaseKind},
};

use super::world::{SERVER, World, changed};
use crate::help::engine::FakeEngine;

/// Where memory has run out, the kernel may end the guest in place of the app.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_ended_for_want_of_memory_is_an_app_that_did() {
    let world = World::new("import os\nos.kill(os.getppid(), 9)\n");
    let agent = world.agent();
    let cut_off = agent.up(world.order()).await.unwrap_err().problem();
    assert_eq!(cut_off.code, Code::Docker, "{cut_off:?}");
    world.engine.out_of_memory.store(true, Ordering::Relaxed);
    let told = agent.up(world.order()).await.unwrap_err().problem();
    assert_eq!(told.code, Code::AppExited, "{told:?}");
    assert!(told.message.contains("out of memory"), "{told:?}");
    assert!(told.hint.unwrap().contains("--memory"));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn up_edit_restart_down_and_up_again() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let agent = world.agent();
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    assert!(!changed(&agent.up(world.order()).await.unwrap()));
    world.until_served("one").await;
    world.write(&SERVER.replace("TEXT", "two"));
    world.until_served("two").await;
    let before = world.get();
    let restarted = agent.manager.restart("shop").await.unwrap().outcome;
    assert!(changed(&restarted.await.unwrap().unwrap()));
    assert_ne!(world.get(), before, "another process answers");
    let record = agent.manager.show("shop").unwrap();
    fs::write(world.workspace(&record.home_volume).join("made"), "").unwrap();
    agent.manager.down("shop", false).await.unwrap();
    assert!(world.get().is_none());
    assert_eq!(agent.manager.list()[0].phase.kind(), PhaseKind::Asleep);
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    assert!(world.workspace(&record.home_volume).join("made").exists());
    agent.manager.down("shop", true).await.unwrap();
    assert!(agent.manager.list().is_empty());
    assert!(!world.engine.home_dir(&record.home_volume).exists());
    agent.stop().await;
}

/// On an engine that has no host, and does nothing beyond what every engine does.
#[tokio::test(flavor = "multi_thread")]
async fn previews_live_on_an_engine_that_can_do_the_least() {
    let mut world = World::new(&SERVER.replace("TEXT", "one"));
    world.engine = Arc::new(FakeEngine::bare());
    let agent = world.agent();
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    world.until_served("one").await;
    world.write(&SERVER.replace("TEXT", "two"));
    world.until_served("two").await;
    agent.manager.down("shop", false).await.unwrap();
    assert_eq!(agent.manager.prune(true).await.unwrap(), []);
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    // It has nobody to keep apart, and does not begin to.
    agent.manager.run_cpu_isolation().await;
    agent.manager.down("shop", true).await.unwrap();
    assert_eq!(world.engine.list_owned().await.unwrap(), []);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sandbox_refused_is_told_as_it_happens() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let refused = EgressDenial {
        by: DenialStage::Tls,
        host: "other.example.org".to_owned(),
        port: 443,
    };
    world.engine.refuse(refused.clone());
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (past, mut now) = journal.follow();
    let mut told = past.into_iter().map(|entry| entry.event);
    if !told.any(|event| event == Event::Refused(refused.clone())) {
        while now.recv().await.unwrap().event != Event::Refused(refused.clone()) {}
    }
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_without_limits_that_are_enforced() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let unable = vec!["memory".to_owned(), "pids".to_owned()];
    world.engine.abilities.lock().unwrap().unenforced = unable;
    let agent = world.agent();
    let problem = agent.up(world.order()).await.unwrap_err().problem();
    assert_eq!(problem.code.exit_code(), 12);
    assert!(
        problem.message.ends_with("its limits: memory, pids"),
        "{problem:?}"
    );
    assert!(world.engine.list_owned().await.unwrap().is_empty());
    // The same engine with them.
    world.engine.abilities.lock().unwrap().unenforced.clear();
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_on_a_busy_engine_can_be_tried_again() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    agent.manager.down("shop", false).await.unwrap();
    world.engine.busy.store(true, Ordering::Relaxed);
    let problem = agent.manager.prune(false).await.unwrap_err().problem();
    assert_eq!((problem.code, problem.retryable), (Code::Docker, true));
    assert!(problem.message.contains("busy"), "{problem:?}");
    // The control: the engine is done, and what the preview keeps is its own.
    world.engine.busy.store(false, Ordering::Relaxed);
    assert_eq!(agent.manager.prune(false).await.unwrap(), []);
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn root_inside_needs_the_hosts_owner() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let agent = world.agent();
    let mut order = world.order();
    order.options.sandbox.root = Some(true);
    let problem = agent.up(order).await.unwrap_err().problem();
    assert_eq!(problem.code.exit_code(), 12);
    assert!(problem.hint.unwrap().contains("allow_root = true"));
    assert!(world.engine.list_owned().await.unwrap().is_empty());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_agent_takes_the_app_over_as_it_runs() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    let before = world.get();
    assert!(before.is_some());
    agent.stop().await;
    assert_eq!(world.get(), before, "it goes on without an agent");
    let next = world.agent();
    let record = next.manager.wait("shop").await.unwrap();
    assert_eq!(record.phase.kind(), PhaseKind::Ready);
    world.write(&SERVER.replace("TEXT", "two"));
    world.until_served("two").await;
    next.manager.down("shop", true).await.unwrap();
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_nothing_but_its_reason() {
    let world = World::new("import sys\nprint('no')\nsys.exit(3)\n");
    let agent = world.agent();
    let problem = agent.up(world.order()).await.unwrap_err().problem();
    assert_eq!(
        problem.message,
        "the app exited with code 3 before it answered\n  no"
    );
    let record = agent.manager.show("shop").unwrap();
    assert_eq!(record.phase.kind(), PhaseKind::Failed);
    assert!(world.engine.list_owned().await.unwrap().is_empty());
    assert!(!world.engine.home_dir(&record.home_volume).exists());
    world.write(&SERVER.replace("TEXT", "mended"));
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recognised_is_never_recorded() {
    let world = World::new("");
    fs::remove_file(world.project().join("main.py")).unwrap();
    let agent = world.agent();
    let order = StartRequest {
        options: Options::default(),
        ..world.order()
    };
    assert!(matches!(
        agent.up(order).await,
        Err(LifecycleError::Project(_))
    ));
    assert!(agent.manager.list().is_empty());
    assert!(is_empty(&world.dir.path().join("state/instances")));
    agent.stop().await;
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}
