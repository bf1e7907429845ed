//! Finding the agent, starting one, and replacing one of another API.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    process::Stdio,
};

use codemate_preview::api::path;
use serde_json::Value;

use crate::help::{
    agent::{Answer, FakeAgent, hello},
    program::{World, until},
};

fn pid(world: &World) -> u64 {
    let ran = world.run(&["agent", "start", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.json()[0]["data"]["pid"].as_u64().unwrap()
}

#[test]
fn sixteen_at_once_start_one_agent() {
    let world = World::new();
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let mut command = world.command(&["agent", "start", "--json"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut pids: Vec<u64> = racers
        .into_iter()
        .map(|racer| {
            let ran = world.ran(racer.wait_with_output().unwrap());
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            ran.json()[0]["data"]["pid"].as_u64().unwrap()
        })
        .collect();
    pids.dedup();
    assert_eq!(pids.len(), 1, "{pids:?}");
}

#[test]
fn the_socket_is_for_its_user_alone() {
    let world = World::new();
    pid(&world);
    let socket = fs::metadata(world.socket()).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o777, 0o600);
    let dir = fs::metadata(world.socket().parent().unwrap()).unwrap();
    assert_eq!(dir.mode() & 0o777, 0o700);
}

#[test]
fn a_directory_that_others_could_enter_is_closed_to_them() {
    let world = World::new();
    let dir = world.socket().parent().unwrap().to_owned();
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    pid(&world);
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn the_agent_leaves_the_session_it_was_started_in() {
    let world = World::new();
    let pid = pid(&world);
    // The fields after the name: state, parent, group, session.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    if let Ok(stat) = stat {
        let after = stat.rsplit_once(')').unwrap().1;
        let session: u64 = after.split_whitespace().nth(3).unwrap().parse().unwrap();
        assert_eq!(session, pid);
    }
}

#[test]
fn a_killed_agent_is_replaced_and_so_is_its_socket() {
    let world = World::new();
    let first = pid(&world);
    let killed = i32::try_from(first)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .unwrap();
    rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
    assert!(world.socket().exists());
    let second = until("another agent", || {
        Some(pid(&world)).filter(|pid| *pid != first)
    });
    assert_ne!(first, second);
}

#[test]
fn stopping_is_done_when_it_has_stopped() {
    let world = World::new();
    let first = pid(&world);
    let stopped = world.run(&["agent", "stop", "--json"]);
    assert_eq!(stopped.json()[0]["data"]["changed"], true);
    assert!(!world.socket().exists());
    let again = world.run(&["agent", "stop", "--json"]);
    assert_eq!(
        (again.code, &again.json()[0]["data"]["changed"]),
        (Some(0), &Value::Bool(false))
    );
    let status = world.run(&["agent", "status"]);
    assert_eq!((status.code, status.stdout.as_str()), (Some(5), ""));
    assert_ne!(pid(&world), first);
}

#[test]
fn a_path_too_long_for_a_socket_is_told_as_that() {
    let world = World::new();
    let long = world.state().join("a".repeat(120));
    let ran = world.run_with(&["agent", "start"], |command| {
        command.env("CODEMATE_PREVIEW_RUNTIME_DIR", &long);
    });
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""));
    assert!(ran.stderr.contains("too long"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("hint: set CODEMATE_PREVIEW_RUNTIME_DIR"),
        "{}",
        ran.stderr
    );
}

#[test]
fn why_it_did_not_start_reaches_whoever_needed_it() {
    let world = World::new();
    fs::create_dir_all(world.state().join("run/agent.lock")).unwrap();
    let ran = world.run(&["ls"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""));
    let why = "error: the agent did not start: cannot open `[root]/state/run/agent.lock`";
    assert!(ran.stderr.starts_with(why), "{}", ran.stderr);
}

#[test]
fn the_one_line_of_a_second_agent_says_that_there_is_one() {
    let world = World::new();
    pid(&world);
    let second = world.run(&["agent", "run"]);
    assert_eq!(second.code, Some(0));
    assert_eq!(second.stdout, "{\"agent\":\"already_running\"}\n");
}

#[test]
fn an_agent_of_another_api_is_asked_to_stop_and_replaced() {
    let world = World::new();
    let old = FakeAgent::start(&world);
    old.on("GET", path::HELLO, Answer::Json(hello(99)));
    old.on("POST", path::SHUTDOWN, Answer::Json(Value::Null));
    assert_ne!(pid(&world), 4711);
    assert!(old.asked("POST /v1/shutdown").is_some());
}

#[test]
fn an_agent_of_the_same_api_is_used_whatever_its_version() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    let mut other = hello(1);
    other["version"] = "9.9.9".into();
    other["new"] = "unknown to us".into();
    agent.on("GET", path::HELLO, Answer::Json(other));
    assert_eq!(pid(&world), 4711);
}

#[test]
fn state_under_a_relative_path_is_refused() {
    let world = World::new();
    let ran = world.run_with(&["ls"], |command| {
        command.env("CODEMATE_PREVIEW_STATE_DIR", "state");
    });
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""));
}
