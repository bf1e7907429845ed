//! How `up` is left: Ctrl-C, a request to terminate, time that is up; attached or not.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
};

use codemate_preview::model::{Event, InstanceId, LogLine, LogStream, SyncReport};
use serde_json::json;

use crate::{
    cli_up::success,
    help::{
        agent::{Answer, End, FakeAgent},
        program::{Ran, World},
    },
};

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = i32::try_from(child.id()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn ctrl_c_cancels_what_was_started() {
    use rustix::process::Signal;
    for (sent, exit, code) in [
        (Signal::INT, 130, "E_INTERRUPTED"),
        (Signal::TERM, 143, "E_TERMINATED"),
    ] {
        let world = World::new();
        let agent = FakeAgent::start(&world);
        agent.on_start(&success(true)[..2], End::Open);
        let mut command = world.command(&["up", "--format", "ndjson"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        agent.wait_for("POST /v1/instances/start");
        signal(&child, sent);
        let ran = world.ran(child.wait_with_output().unwrap());
        agent.wait_left("POST /v1/instances/start");
        assert_eq!(ran.code, Some(exit), "{}", ran.stderr);
        assert_eq!(ran.json().last().unwrap()["data"]["problem"]["code"], code);
    }
}

#[test]
fn time_that_is_up_is_a_failure_of_its_own() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&success(true)[..2], End::Open);
    let ran = world.run(&["up", "--timeout", "300ms"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(10), ""));
    agent.wait_left("POST /v1/instances/start");
}

/// Start attached, wait until it follows, and press Ctrl-C.
fn attached(changed: bool, extra: &[&str]) -> (World, FakeAgent, Ran) {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&success(changed), End::Proper);
    let id = InstanceId::of_directory(&world.project(), None);
    let line = LogLine {
        at: "2026-11-23T14:03:11Z".parse().unwrap(),
        stream: LogStream::Stdout,
        text: "GET / 200".to_owned(),
    };
    let logs = Answer::Lines(vec![Event::Log(line)], End::Open);
    agent.on("GET", &format!("/v1/instances/{id}/logs"), logs);
    let edit = SyncReport {
        files: 1,
        bytes: 1,
        deleted: 0,
        ms: 4,
        full: false,
        paths: vec!["app.py".to_owned()],
        refused: Vec::new(),
        caused: None,
    };
    agent.on(
        "GET",
        &format!("/v1/instances/{id}/events"),
        Answer::Lines(vec![Event::Sync(edit)], End::Open),
    );
    agent.on(
        "POST",
        "/v1/instances/stop",
        Answer::Json(json!({ "stopped": ["shop"] })),
    );
    let mut command = world.command(&[&["up", "--attach"], extra].concat());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    if extra.is_empty() {
        while !seen.contains("GET / 200") {
            assert_ne!(errors.read_line(&mut seen).unwrap(), 0, "{seen}");
        }
    } else {
        agent.wait_for(&format!("GET /v1/instances/{id}/events"));
    }
    signal(&child, rustix::process::Signal::INT);
    errors.read_to_string(&mut seen).unwrap();
    let mut ran = world.ran(child.wait_with_output().unwrap());
    ran.stderr = seen;
    (world, agent, ran)
}

#[test]
fn leaving_stops_what_was_started() {
    let (_world, agent, ran) = attached(true, &[]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(130), "http://shop.localhost:7080\n")
    );
    assert!(agent.asked("POST /v1/instances/stop").is_some());
    assert!(ran.stderr.ends_with("stopped\n"), "{}", ran.stderr);
}

#[test]
fn leaving_what_ran_before_only_detaches() {
    let (_world, agent, ran) = attached(false, &[]);
    assert_eq!(ran.code, Some(130));
    assert!(agent.asked("POST /v1/instances/stop").is_none());
    assert!(ran.stderr.contains("detached"), "{}", ran.stderr);
}

#[test]
fn an_attached_stream_is_one_stream() {
    let (_world, _agent, ran) = attached(true, &["--format", "ndjson"]);
    let lines = ran.json();
    for (line, expected) in lines.iter().zip(0_u64..) {
        assert_eq!(line["seq"].as_u64(), Some(expected), "{}", ran.stdout);
    }
    let results = lines.iter().filter(|line| line["type"] == "result").count();
    assert_eq!(
        (results, &lines.last().unwrap()["type"]),
        (1, &json!("result"))
    );
}
