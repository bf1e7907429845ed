//! What a run leaves behind, on an engine without Docker.

use codemate_preview::{
    engine::{EngineError, LogQuery},
    model::{Code, Event, FailureKind, PhaseKind, Secret},
};

use super::world::{Agent, SERVER, World, changed};

/// What `logs` has of a preview without a container.
async fn kept(agent: &Agent) -> Vec<String> {
    let id = agent.manager.show("shop").unwrap().id;
    let live = agent.manager.engine().logs(&id, LogQuery::default()).await;
    assert!(matches!(live, Err(EngineError::Missing { .. })));
    let lines = agent.manager.retained_log(&id, LogQuery::default()).await;
    lines.unwrap().into_iter().map(|line| line.text).collect()
}

fn exits(agent: &Agent) -> usize {
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (past, _) = journal.follow();
    past.iter()
        .filter(|entry| matches!(entry.event, Event::AppExit(_)))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_keeps_its_log_its_events_and_its_exit() {
    let world = World::new("import sys\nprint('before it fails')\nsys.exit(3)\n");
    let agent = world.agent();
    let problem = agent.up(world.order()).await.unwrap_err().problem();
    let shown = problem.next.last().unwrap();
    assert_eq!(shown.argv, ["codemate-preview", "logs", "shop"]);
    assert_eq!(kept(&agent).await, ["before it fails"]);
    assert_eq!(exits(&agent), 1);
    agent.stop().await;
    let next = world.agent();
    assert_eq!(kept(&next).await, ["before it fails"]);
    assert_eq!(exits(&next), 1);
    let record = next.manager.show("shop").unwrap();
    assert_eq!(record.last_exit.unwrap().code, Some(3));
    next.manager.down("shop", true).await.unwrap();
    assert!(
        std::fs::read_dir(world.dir.path().join("state/runs"))
            .unwrap()
            .next()
            .is_none()
    );
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_down_keeps_its_log_without_its_secrets() {
    let talks = "import os\nprint('token', os.environ['TOKEN'], flush=True)\n";
    let world = World::new(&format!("{talks}{}", SERVER.replace("TEXT", "one")));
    let agent = world.agent();
    let order = || {
        let mut order = world.order();
        let token = Secret::new("not-to-be-seen");
        order.options.env.insert("TOKEN".to_owned(), token);
        order
    };
    assert!(changed(&agent.up(order()).await.unwrap()));
    agent.manager.down("shop", false).await.unwrap();
    let lines = kept(&agent).await;
    assert_eq!(lines[0], "token [secret]", "{lines:?}");
    // The next run's is its own.
    world.write("print('second')\n");
    assert!(agent.up(order()).await.is_err());
    assert_eq!(kept(&agent).await, ["second"]);
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_what_had_answered_does_not_say_that_it_had_not() {
    let dies = "import threading, os, pathlib, time\n\
        def watch():\n    \
            while not pathlib.Path('die').exists():\n        time.sleep(0.01)\n    \
            os._exit(4)\n\
        threading.Thread(target=watch).start()\n";
    let world = World::new(&format!("{dies}{}", SERVER.replace("TEXT", "one")));
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    let record = agent.manager.show("shop").unwrap();
    std::fs::write(world.workspace(&record.home_volume).join("die"), "").unwrap();
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (past, mut now) = journal.follow();
    let failed = |event: &Event| {
        matches!(
            event,
            Event::State {
                to: Some(PhaseKind::Failed),
                ..
            }
        )
    };
    if !past.iter().any(|entry| failed(&entry.event)) {
        while !failed(&now.recv().await.unwrap().event) {}
    }
    let record = agent.manager.show("shop").unwrap();
    let codemate_preview::model::Phase::Failed { cause, .. } = record.phase else {
        panic!("{record:?}");
    };
    let first = cause.message.lines().next();
    assert_eq!(first, Some("the app exited with code 4"));
    assert_eq!(record.last_exit.unwrap().code, Some(4));
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_says_why_and_what_helps() {
    let world = World::new("import os\nkey = os.environ['PAYMENT_KEY']\n");
    let agent = world.agent();
    let problem = agent.up(world.order()).await.unwrap_err().problem();
    assert_eq!(problem.code, Code::AppExited);
    assert_eq!(problem.kind, Some(FailureKind::VariableMissing));
    let headline = problem.message.lines().next().unwrap();
    assert_eq!(
        headline,
        "the app exited with code 1 before it answered: `PAYMENT_KEY` is not set"
    );
    let first = &problem.next[0].argv;
    assert_eq!(first[1..4], ["secret", "set", "PAYMENT_KEY"]);
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}
