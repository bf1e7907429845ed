//! `exec`: streams and exit code passed through, and 125 for what is not the command's.

use std::{io::Write, process::Stdio};

use bytes::Bytes;
use codemate_preview::{
    api::ExecFrame,
    model::{Code, Problem},
};

use crate::help::{
    agent::{Answer, FakeAgent},
    program::{Ran, World},
};

fn exec(frames: Vec<ExecFrame>, args: &[&str], input: &[u8]) -> (Ran, Vec<u8>, serde_json::Value) {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on("POST", "/v1/instances/shop/exec", Answer::Exec(frames));
    let mut command = world.command(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let ran = world.ran(child.wait_with_output().unwrap());
    (
        ran,
        agent.typed(),
        agent.asked("POST /v1/instances/shop/exec").unwrap(),
    )
}

fn spoken(code: i64) -> Vec<ExecFrame> {
    vec![
        ExecFrame::Stdout(Bytes::from_static(b"out\n")),
        ExecFrame::Stderr(Bytes::from_static(b"err\n")),
        ExecFrame::Exit(code),
    ]
}

#[test]
fn streams_and_exit_code_are_the_commands() {
    let args = ["exec", "-e", "A=1", "shop", "--", "cat", "-n"];
    let (ran, typed, asked) = exec(spoken(7), &args, b"typed");
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(7), "out\n", "err\n")
    );
    assert_eq!(typed, b"typed");
    assert_eq!(asked["argv"], serde_json::json!(["cat", "-n"]));
    assert_eq!(asked["env"], serde_json::json!({ "A": "1" }));
    assert_eq!(
        (&asked["tty"], &asked["stdin"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn much_input_and_much_output_do_not_wait_for_each_other() {
    let much = Bytes::from(vec![b'x'; 1 << 20]);
    let frames = vec![ExecFrame::Stdout(much.clone()), ExecFrame::Exit(0)];
    let (ran, typed, _) = exec(frames, &["exec", "shop", "--", "cat"], &much);
    assert_eq!(
        (ran.code, ran.stdout.len(), typed.len()),
        (Some(0), 1 << 20, 1 << 20)
    );
}

#[test]
fn what_is_not_the_commands_is_125() {
    let refused = ExecFrame::Failed(Problem::new(Code::NotFound, "no such program"));
    let (ran, ..) = exec(vec![refused], &["exec", "shop", "--", "x"], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(125), ""));
    assert_eq!(ran.stderr, "error: no such program\n");

    let (cut, ..) = exec(Vec::new(), &["exec", "shop", "--", "x"], b"");
    assert_eq!((cut.code, cut.stdout.as_str()), (Some(125), ""));
}

#[test]
fn an_instance_that_is_not_there_is_125_too() {
    let world = World::new();
    let _agent = FakeAgent::start(&world);
    let ran = world.run(&["exec", "--", "ls"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(125), ""));
    assert!(
        ran.stderr.contains("nothing runs for `[root]/shop`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_machine_gets_the_output_in_the_document() {
    let (ran, ..) = exec(spoken(7), &["exec", "--json", "shop", "--", "x"], b"");
    assert_eq!(ran.code, Some(7));
    let [document] = ran.json().try_into().unwrap();
    let data = &document["data"];
    assert_eq!(
        (&data["status"], &data["outcome"]),
        (&7.into(), &"success".into())
    );
    assert_eq!(
        (&data["stdout"], &data["stderr"]),
        (&"out\n".into(), &"err\n".into())
    );
}
