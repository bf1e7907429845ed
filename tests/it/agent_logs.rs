//! What happened in a night, read from `agent logs` and from nothing else.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use codemate_preview::{
    agent::log_to,
    model::{Event, PhaseKind, TunnelKind},
    tunnel::{
        Capabilities, Check, Provider, Report, Stop, Tools, TunnelError, TunnelSpec, Tunnels,
        Verifier,
    },
};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    help::program,
    lifecycle::{
        tunnel::{WANTED, with},
        world::{Agent, SERVER, World},
    },
};

/// What the real program prints of the log in that state directory.
fn logs(state: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_codemate-preview"))
        .args(["agent", "logs"])
        .args(args)
        .env_clear()
        .env("CODEMATE_PREVIEW_STATE_DIR", state)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Each of these is in a line of its own, in this order; and every line says of which preview.
#[track_caller]
fn tells(log: &str, story: &[&[&str]]) {
    let mut lines = log.lines();
    for parts in story {
        let found = lines.any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "{parts:?} is not told, or not in its turn:\n{log}");
    }
}

/// Until an event comes that is like this.
async fn until(agent: &Agent, is_it: impl Fn(&Event) -> bool) {
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (past, mut now) = journal.follow();
    if past.iter().any(|entry| is_it(&entry.event)) {
        return;
    }
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !is_it(&now.recv().await.unwrap().event) {}
    });
    waited.await.expect("it happens");
}

/// What this thread logs goes to the world's log. The tests have one thread each, so no other test
/// writes there.
fn log_of(world: &World, filter: &str) -> tracing::subscriber::DefaultGuard {
    let state = world.dir.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    let log = log_to(&state.join("agent.log"), Some(filter)).unwrap();
    tracing::subscriber::set_default(log)
}

#[tokio::test]
async fn a_failed_up() {
    let world = World::new("import sys\nprint('no')\nsys.exit(3)\n");
    let _log = log_of(&world, "info");
    let agent = world.agent();
    agent.up(world.order()).await.unwrap_err();
    let log = logs(&world.dir.path().join("state"), &["--instance", "shop"]);
    tells(
        &log,
        &[
            &["INFO shop: ", "`up` begins"],
            &["INFO shop: ", "done: ", "step=create"],
            &[
                "WARN shop: ",
                "failed: ",
                "exited with code 3",
                "step=start",
            ],
            &[
                "WARN shop: ",
                "failed: ",
                "exited with code 3",
                "code=E_APP_EXITED",
            ],
            &["INFO shop: ", "it is failed now", "from=starting"],
        ],
    );
    agent.stop().await;
}

/// A tunnel that is lost and heals by itself at a word of the test.
struct Shaky {
    lose: Notify,
    heal: Notify,
}

#[async_trait]
impl Provider for Shaky {
    fn kind(&self) -> TunnelKind {
        TunnelKind::Command
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: true,
            settle: Duration::ZERO,
            heal: Some(Duration::from_mins(1)),
        }
    }

    async fn check(&self, _online: bool) -> Vec<Check> {
        Vec::new()
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let url = format!("http://shop.test:{}", spec.target.port());
        let url = url.parse().unwrap();
        report.up(&url);
        tokio::select! {
            () = self.lose.notified() => {}
            () = stop.asked() => return Ok(()),
        }
        report.down("the provider hung up");
        tokio::select! {
            () = self.heal.notified() => report.up(&url),
            () = stop.asked() => return Ok(()),
        }
        stop.asked().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_tunnel_lost_and_healed() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let _log = log_of(&world, "info");
    let provider = Arc::new(Shaky {
        lose: Notify::new(),
        heal: Notify::new(),
    });
    let agent = world.agent_with(|tools: &Tools| {
        let resolve = BTreeMap::from([("*.test".to_owned(), "127.0.0.1:0".to_owned())]);
        let verifier = Verifier::new(&resolve, None).unwrap();
        let providers: Vec<Arc<dyn Provider>> = vec![provider.clone()];
        Some(Tunnels::of(providers, verifier, tools))
    });
    agent.up(with(&world, WANTED)).await.unwrap();
    provider.lose.notify_one();
    until(&agent, |event| matches!(event, Event::TunnelDown { .. })).await;
    let (_, journal) = agent.manager.journal("shop").unwrap();
    let (_, mut now) = journal.follow();
    provider.heal.notify_one();
    let healed = tokio::time::timeout(Duration::from_mins(1), async {
        while !matches!(now.recv().await.unwrap().event, Event::TunnelReady { .. }) {}
    });
    healed.await.expect("it heals");
    agent.manager.down("shop", true).await.unwrap();
    let log = logs(&world.dir.path().join("state"), &[]);
    tells(
        &log,
        &[
            &["INFO shop: ", "the app answers"],
            &[
                "INFO shop: ",
                "the tunnel is open",
                "kind=command",
                "url=http://shop.test",
            ],
            &["WARN shop: ", "the tunnel is down", "the provider hung up"],
            &["INFO shop: ", "the tunnel is open", "url=http://shop.test"],
            &["INFO shop: ", "`down --purge` begins"],
            &["INFO shop: ", "it was removed with everything it kept"],
        ],
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_container_killed_from_outside() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let _log = log_of(&world, "info");
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    let record = agent.manager.show("shop").unwrap();
    world.engine.kill(&record.id);
    let failed = |event: &Event| {
        matches!(
            event,
            Event::State {
                to: Some(PhaseKind::Failed),
                ..
            }
        )
    };
    until(&agent, failed).await;
    let state = world.dir.path().join("state");
    tells(
        &logs(&state, &["--instance", record.id.as_str()]),
        &[
            &["INFO shop: ", "it is ready now"],
            &["WARN shop: ", "the stream to its container broke"],
            &[
                "WARN shop: ",
                "failed: the container was stopped from outside",
                "code=E_DOCKER",
            ],
            &["INFO shop: ", "it is failed now", "from=ready"],
        ],
    );
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

/// Of the agent there are two stories: what it was, and what the next one found.
#[tokio::test]
async fn an_agent_that_ended_and_the_next_that_adopts() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let _log = log_of(&world, "info");
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    agent.stop().await;
    let next = world.agent();
    next.manager.wait("shop").await.unwrap();
    next.manager.down("shop", true).await.unwrap();
    tells(
        &logs(&world.dir.path().join("state"), &["--since", "1h"]),
        &[
            &["INFO shop: ", "it is ready now"],
            &["INFO shop: ", "an earlier agent left it"],
            &["INFO shop: ", "adopted: its container still ran"],
        ],
    );
    next.stop().await;
}

/// The real agent, killed without warning.
#[test]
fn an_agent_killed() {
    let world = program::World::new();
    let start = || {
        let ran = world.run(&["agent", "start", "--json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.all());
        let pid = ran.json()[0]["data"]["pid"].as_i64().unwrap();
        pid.to_string()
    };
    let first = start();
    let killed = Command::new("kill").args(["-9", &first]).status().unwrap();
    assert!(killed.success());
    program::until("the agent is gone", || {
        let gone = !Path::new("/proc").join(&first).join("exe").exists();
        gone.then_some(())
    });
    let second = start();
    assert!(world.run(&["agent", "stop"]).code == Some(0));
    let log = world.run(&["agent", "logs"]).stdout;
    tells(
        &log,
        &[
            &["INFO the agent starts", &format!("pid={first}")],
            &["INFO the agent is ready"],
            &["INFO the agent starts", &format!("pid={second}")],
            &["WARN the agent before this one did not stop by itself"],
            &["INFO the agent is ready"],
            &["INFO request{", "route=/v1/shutdown"],
            &["INFO the agent stops, as a client asked"],
            &["INFO the agent has stopped"],
        ],
    );
    // The control: one that stopped by itself is not called killed.
    let third = start();
    let log = world.run(&["agent", "logs"]).stdout;
    let from_third = log.split(&format!("pid={third}")).nth(1).unwrap();
    assert!(
        !from_third.contains("did not stop by itself"),
        "{from_third}"
    );
}

#[tokio::test]
async fn lines_are_filtered_and_given_to_programs() {
    let world = World::new("import sys\nsys.exit(3)\n");
    let _log = log_of(&world, "info");
    let agent = world.agent();
    agent.up(world.order()).await.unwrap_err();
    agent.stop().await;
    tracing::info!("of no preview");
    let state = world.dir.path().join("state");
    let json: Value = serde_json::from_str(&logs(&state, &["--format", "json"])).unwrap();
    let (lines, entries) = (&json["data"]["lines"], &json["data"]["entries"]);
    let count = entries.as_array().unwrap().len();
    assert_eq!(lines.as_array().unwrap().len(), count, "{json}");
    let first = &entries[0];
    assert_eq!(first["spans"][0]["preview"], "shop", "{first}");
    assert!(first["timestamp"].is_string() && first["level"].is_string());
    assert!(
        entries[count - 1]["message"] == "of no preview",
        "{entries}"
    );

    assert!(!logs(&state, &["--instance", "shop"]).contains("of no preview"));
    assert_eq!(logs(&state, &["--instance", "other"]), "");
    assert_eq!(logs(&state, &["--since", "2999-01-01T00:00:00Z"]), "");
    assert_eq!(logs(&state, &["--tail", "1"]).lines().count(), 1);
}
