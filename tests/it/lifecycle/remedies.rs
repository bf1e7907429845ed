//! A start that fails for want of something that can be had is tried again with it.

use codemate_preview::{
    lifecycle::StartRequest,
    model::{Code, Event},
    store::Record,
};

use super::world::{Agent, SERVER, World, changed};

const NO_COMPILER: &str = "error: command gcc failed: No such file or directory";

/// An installation that says so and fails, as often as there are lines for it.
fn failing(world: &World, said: &[&str]) -> StartRequest {
    let mut order = world.order();
    let times = said.len();
    let lines = said.iter().enumerate();
    let lines: Vec<String> = lines
        .map(|(at, line)| format!("[ $n = {at} ] && echo \"{line}\"; "))
        .collect();
    let said = lines.concat();
    // The home outlives the container, so it counts there.
    let script = format!(
        "n=$(cat ../times 2>/dev/null || echo 0); echo $((n+1)) > ../times; {said} [ $n -ge {times} ]"
    );
    order.options.install.commands = Some(vec![["sh", "-c", &script].map(str::to_owned).into()]);
    order
}

fn record(agent: &Agent) -> Record {
    agent.manager.show("shop").unwrap()
}

fn warnings(agent: &Agent) -> Vec<String> {
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (past, _) = journal.follow();
    past.into_iter()
        .filter_map(|entry| match entry.event {
            Event::Warning { message, .. } => Some(message),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_a_compiler_is_installed_where_there_is_one_and_so_the_next_time() {
    let world = World::new(SERVER);
    let agent = world.agent();
    let outcome = agent.up(failing(&world, &[NO_COMPILER])).await.unwrap();
    assert!(changed(&outcome));
    let image = |record: &Record| record.plan.as_ref().unwrap().image.to_string();
    let first = record(&agent);
    assert!(image(&first).ends_with("-build"), "{}", image(&first));
    assert!(first.remedies.build.is_some());
    let told = warnings(&agent);
    let taking = format!("needs a compiler: taking {}", image(&first));
    assert!(told.iter().any(|it| it.ends_with(&taking)), "{told:?}");

    agent.manager.down("shop", false).await.unwrap();
    let generation = record(&agent).generation;
    agent.up(failing(&world, &[NO_COMPILER])).await.unwrap();
    let second = record(&agent);
    assert!(image(&second).ends_with("-build"));
    assert_eq!(second.generation, generation + 1, "one container was made");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_there_too_is_not_tried_for_ever() {
    let world = World::new(SERVER);
    let agent = world.agent();
    let error = agent
        .up(failing(&world, &[NO_COMPILER, NO_COMPILER, NO_COMPILER]))
        .await
        .unwrap_err();
    assert_eq!(error.problem().code, Code::Install, "{error}");
    let left = record(&agent);
    assert!(left.remedies.are_none(), "{:?}", left.remedies);
    assert_eq!(left.generation, 2);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_failure_is_told_at_once() {
    let world = World::new(SERVER);
    let agent = world.agent();
    let error = agent
        .up(failing(&world, &["error: no such package"]))
        .await
        .unwrap_err();
    assert_eq!(error.problem().code, Code::Install, "{error}");
    assert_eq!(record(&agent).generation, 1);
    agent.stop().await;
}
