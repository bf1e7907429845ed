//! An agent that was started with another engine or proxy than a command has.

use codemate_preview::api::path;
use serde_json::{Value, json};

use crate::help::{
    agent::{Answer, End, FakeAgent, hello},
    program::{Ran, World},
};

fn agent_of(world: &World, surroundings: &Value, phase: &str) -> FakeAgent {
    let agent = FakeAgent::start(world);
    let mut hello = hello(codemate_preview::api::API_VERSION);
    hello["surroundings"] = surroundings.clone();
    agent.on("GET", path::HELLO, Answer::Json(hello));
    agent.on(
        "GET",
        path::INSTANCES,
        Answer::Json(json!({ "instances": [instance(phase)] })),
    );
    agent.on_start(&[], End::Cut);
    agent
}

fn instance(phase: &str) -> Value {
    let urls = json!({ "local": "http://shop.localhost:7080" });
    json!({
        "id": "0123456789ab", "name": "shop",
        "source": { "kind": "local", "directory": "/shop" },
        "phase": phase, "since": "2026-11-23T14:03:11Z", "port": 5000, "urls": urls,
        "template": null, "image": null, "generation": 1, "created": "2026-11-23T14:03:11Z",
        "limits": {
            "cpus": 1.0, "memory_bytes": 1, "pids": 1, "open_files": 1, "log_bytes": 1,
            "tmp_bytes": 1, "disk_bytes": 1,
        },
    })
}

fn up(world: &World, variable: (&str, &str)) -> Ran {
    world.run_with(&["up"], |command| {
        command.env(variable.0, variable.1);
    })
}

#[test]
fn another_engine_is_told_with_both_names_before_anything_starts() {
    let world = World::new();
    let agent = agent_of(&world, &json!({ "DOCKER_HOST": "unix:///a.sock" }), "ready");
    let ran = up(&world, ("DOCKER_HOST", "unix:///b.sock"));
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    for said in [
        "DOCKER_HOST=unix:///a.sock",
        "DOCKER_HOST=unix:///b.sock",
        "agent restart",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    assert!(agent.asked("POST /v1/instances/start").is_none());
    // The control: the same engine.
    up(&world, ("DOCKER_HOST", "unix:///a.sock"));
    assert!(agent.asked("POST /v1/instances/start").is_some());
}

#[test]
fn another_proxy_is_told_where_something_is_on_its_way() {
    let world = World::new();
    let agent = agent_of(&world, &json!({}), "starting");
    let ran = up(&world, ("HTTPS_PROXY", "http://user:hunter2@proxy:3128"));
    assert!(ran.stderr.contains("another HTTPS_PROXY"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"));
    assert!(agent.asked("POST /v1/instances/start").is_some());
}
