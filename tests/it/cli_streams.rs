//! `logs` and `events`: what has an end, what has none, and readers that go away.

use std::{io::Read, process::Stdio};

use codemate_preview::model::{Event, LogLine, LogStream, StepState, StepUpdate, UpOutcome};

use crate::help::{
    agent::{Answer, End, FakeAgent},
    program::World,
};

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn world() -> (World, FakeAgent) {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    (world, agent)
}

fn log(text: &str, stream: LogStream) -> Event {
    Event::Log(LogLine {
        at: LONG_AGO.parse().unwrap(),
        stream,
        text: text.to_owned(),
    })
}

fn logs() -> Answer {
    let lines = vec![
        log("GET /a 200", LogStream::Stdout),
        log("\u{1b}[31mboom\u{1b}[0m\u{1b}[2J", LogStream::Stderr),
        log("GET /b 200", LogStream::Stdout),
        Event::Result(UpOutcome::success(false, None)),
    ];
    Answer::Lines(lines, End::Proper)
}

#[test]
fn logs_are_the_result() {
    let (world, agent) = world();
    agent.on("GET", "/v1/instances/shop/logs", logs());
    let ran = world.run(&["logs", "shop"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "GET /a 200\nboom\nGET /b 200\n")
    );
    let found = world.run(&[
        "logs", "shop", "--grep", "^GET /b", "--tail", "5", "--since", "5m",
    ]);
    assert_eq!(found.stdout, "GET /b 200\n");
    let asked = agent.asked("GET /v1/instances/shop/logs").unwrap();
    assert!(asked.as_str().unwrap().contains("tail=5"), "{asked}");
    assert!(asked.as_str().unwrap().contains("since=2"), "{asked}");
    let [document] = world
        .run(&["logs", "shop", "--json"])
        .json()
        .try_into()
        .unwrap();
    assert_eq!(document["data"]["lines"].as_array().unwrap().len(), 3);
    let stream = world.run(&["logs", "shop", "--format", "ndjson"]).json();
    assert_eq!(stream.len(), 5);
    let endless = world.run(&["logs", "shop", "-f", "--json"]);
    assert_eq!(endless.code, Some(2));
    assert_eq!(endless.json()[0]["data"]["problem"]["code"], "E_USAGE");
    assert_eq!(world.run(&["logs", "--grep", "("]).code, Some(2));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let (world, agent) = world();
    let many = (0..10_000)
        .map(|n| log(&format!("line {n}"), LogStream::Stdout))
        .collect();
    agent.on(
        "GET",
        "/v1/instances/shop/logs",
        Answer::Lines(many, End::Open),
    );
    let mut command = world.command(&["logs", "-f", "shop"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 6];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let ran = world.ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    agent.wait_left("GET /v1/instances/shop/logs");
}

#[test]
fn events_of_all_or_of_one() {
    let (world, agent) = world();
    let done = StepUpdate {
        id: "start".to_owned(),
        state: StepState::Done,
        detail: "flask run".to_owned(),
        ms: 90,
        progress: None,
    };
    let events = vec![
        Event::Step(done),
        Event::Result(UpOutcome::success(false, None)),
    ];
    agent.on(
        "GET",
        "/v1/events",
        Answer::Lines(events.clone(), End::Proper),
    );
    agent.on(
        "GET",
        "/v1/instances/shop/events",
        Answer::Lines(events, End::Proper),
    );
    assert_eq!(
        world.run(&["events"]).stdout,
        "14:03:11 ✓ start    flask run  90 ms\n"
    );
    let [document] = world
        .run(&["events", "shop", "--json"])
        .json()
        .try_into()
        .unwrap();
    assert_eq!(document["data"]["events"][0]["data"]["id"], "start");
}
