//! `up`: what it asks for, shows and prints, and how it ends.

use codemate_preview::model::{Code, Event, Problem, StepState, StepUpdate, UpOutcome, Urls};
use serde_json::json;

use crate::help::{
    agent::{Answer, End, FakeAgent},
    program::World,
};

const URL: &str = "http://shop.localhost:7080";

fn urls() -> Urls {
    Urls {
        local: URL.to_owned(),
        public: None,
    }
}

fn step(id: &str, state: StepState, detail: &str, ms: u64) -> Event {
    Event::Step(StepUpdate {
        id: id.to_owned(),
        state,
        detail: detail.to_owned(),
        ms,
        progress: None,
    })
}

pub fn success(changed: bool) -> Vec<Event> {
    vec![
        step(
            "image",
            StepState::Skipped,
            "codemate/python:3.11 is there",
            0,
        ),
        step("install", StepState::Started, "uv pip install", 0),
        step("install", StepState::Done, "uv pip install", 1_234),
        Event::Warning {
            message: "no lock file".to_owned(),
            hint: Some("add one".to_owned()),
        },
        Event::AppReady {
            urls: urls(),
            ms: 1_900,
            port: None,
            status: None,
            ports: Vec::new(),
        },
        Event::Result(UpOutcome::success(changed, Some(urls()))),
    ]
}

fn failure(code: Code) -> Vec<Event> {
    let problem = Problem::new(code, "it did not work")
        .hint("try something else")
        .next(&["codemate-preview", "logs", "shop"], "read what it said");
    vec![Event::Result(UpOutcome::failure(problem))]
}

const CODES: [(Code, i32); 16] = [
    (Code::Internal, 1),
    (Code::Usage, 2),
    (Code::NotFound, 3),
    (Code::Credential, 4),
    (Code::Docker, 5),
    (Code::Agent, 5),
    (Code::Detect, 6),
    (Code::Config, 6),
    (Code::Sync, 7),
    (Code::Install, 8),
    (Code::AppExited, 9),
    (Code::TimedOut, 10),
    (Code::Tunnel, 11),
    (Code::Policy, 12),
    (Code::Interrupted, 130),
    (Code::Terminated, 143),
];

#[test]
fn success_is_one_line_and_it_is_the_url() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&success(true), End::Proper);
    insta::assert_snapshot!(world.run(&["up"]).all(), @r"
    exit 0
    --- stdout
    http://shop.localhost:7080
    --- stderr
    - image    codemate/python:3.11 is there
    ✓ install  uv pip install  1.2 s
    warning: no lock file
    hint: add one
    ✓ ready    it is up  1.9 s
    ");
    let quiet = world.run(&["up", "-q"]);
    assert_eq!(
        (quiet.stdout.as_str(), quiet.stderr.as_str()),
        ("http://shop.localhost:7080\n", "")
    );
    let silent = world.run(&["up", "-qq"]);
    assert_eq!(
        (silent.code, silent.stdout.as_str(), silent.stderr.as_str()),
        (Some(0), "", "")
    );
}

#[test]
fn the_public_url_is_the_one_to_print() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    let both = Urls {
        local: URL.to_owned(),
        public: Some("https://shop.example".parse().unwrap()),
    };
    agent.on_start(
        &[Event::Result(UpOutcome::success(true, Some(both)))],
        End::Proper,
    );
    assert_eq!(world.run(&["up"]).stdout, "https://shop.example\n");
}

#[test]
fn every_failure_has_its_exit_code_and_leaves_standard_output_empty() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    for (code, exit) in CODES {
        agent.on_start(&failure(code), End::Proper);
        let text = world.run(&["up"]);
        assert_eq!(
            (text.code, text.stdout.as_str()),
            (Some(exit), ""),
            "{code:?}"
        );
        assert!(
            text.stderr.starts_with("error: it did not work\nhint: "),
            "{}",
            text.stderr
        );

        let json = world.run(&["up", "--json"]);
        assert_eq!(
            (json.code, json.stderr.as_str()),
            (Some(exit), ""),
            "{code:?}"
        );
        let [document] = json.json().try_into().unwrap();
        assert_eq!(document["type"], "result");
        assert_eq!(document["data"]["outcome"], "failure");
        assert_eq!(document["data"]["exit"], exit);
        assert_eq!(document["data"]["problem"]["code"], code.as_str());

        let stream = world.run(&["up", "--format", "ndjson"]);
        assert_eq!(
            (stream.code, stream.stderr.as_str()),
            (Some(exit), ""),
            "{code:?}"
        );
        let lines = stream.json();
        assert_eq!(lines.first().unwrap()["type"], "hello");
        assert_eq!(lines.last().unwrap()["type"], "result");
    }
}

#[test]
fn a_refused_request_ends_as_any_failure() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    let refusal = Problem::new(Code::Policy, "too much memory");
    agent.on("POST", "/v1/instances/start", Answer::Refuse(refusal));
    let text = world.run(&["up"]);
    assert_eq!(
        (text.code, text.stderr.as_str()),
        (Some(12), "error: too much memory\n")
    );
    let types: Vec<_> = world
        .run(&["up", "--format", "ndjson"])
        .json()
        .iter()
        .map(|l| l["type"].clone())
        .collect();
    assert_eq!(types, ["hello", "result"]);
}

#[test]
fn json_is_one_document_and_ndjson_is_what_the_agent_said() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&success(false), End::Proper);
    let json = world.run(&["up", "--json"]);
    let [document] = json.json().try_into().unwrap();
    assert_eq!(
        document["data"],
        json!({ "outcome": "success", "changed": false, "urls": { "local": URL }, "exit": 0 })
    );
    let lines = world.run(&["up", "--format", "ndjson"]).json();
    let numbers: Vec<_> = lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn an_agent_that_dies_in_the_middle_is_told_as_that() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&success(true)[..3], End::Cut);
    let text = world.run(&["up"]);
    assert_eq!((text.code, text.stdout.as_str()), (Some(5), ""));
    assert!(
        text.stderr.contains("error: the agent went away"),
        "{}",
        text.stderr
    );
    let lines = world.run(&["up", "--format", "ndjson"]).json();
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["hello", "step", "step", "step", "result"]);
    assert_eq!(lines.last().unwrap()["seq"], 4);
    assert_eq!(lines.last().unwrap()["data"]["problem"]["code"], "E_AGENT");
}

#[test]
fn what_was_said_on_the_command_line_is_laid_over_the_files() {
    let world = World::new();
    world.write(
        "codemate-preview.toml",
        "port = 1\ntemplate = \"flask\"\n[env]\nA = \"1\"\nB = \"1\"",
    );
    world.write("codemate-preview.local.toml", "[env]\nB = \"2\"\nC = \"2\"");
    world.write("vars", "C=3\nD=3\n");
    let agent = FakeAgent::start(&world);
    agent.on_start(&success(true), End::Proper);
    let flags = "up --port 5000 --env D=4 -e E=a=b --env-file vars --set entry=main:app \
                 --cpus 1.5 --memory 512MiB --rebuild --name two";
    let ran = world.run(&flags.split_whitespace().collect::<Vec<_>>());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = agent.asked("POST /v1/instances/start").unwrap();
    let directory = world.project();
    assert_eq!(
        asked["source"],
        json!({ "kind": "local", "directory": directory })
    );
    assert_eq!(
        (&asked["label"], &asked["rebuild"]),
        (&json!("two"), &json!(true))
    );
    let options = &asked["options"];
    assert_eq!(
        (&options["port"], &options["template"]),
        (&json!(5000), &json!("flask"))
    );
    assert_eq!(
        options["env"],
        json!({ "A": "1", "B": "2", "C": "3", "D": "4", "E": "a=b" })
    );
    assert_eq!(asked["env_flags"], json!(["D", "E"]));
    assert_eq!(options["set"], json!({ "entry": "main:app" }));
    assert_eq!(
        options["limits"],
        json!({ "cpus": 1.5, "memory": "512MiB", "disk": null })
    );
}

#[test]
fn settings_and_directories_that_cannot_be_used_are_named() {
    let world = World::new();
    world.write("codemate-preview.toml", "prot = 1");
    let ran = world.run(&["up"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""));
    assert!(ran.stderr.contains("prot"), "{}", ran.stderr);
    let ran = world.run(&["up", "nowhere"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("`nowhere`"), "{}", ran.stderr);
    let ran = world.run(&["up", "--env-file", "nowhere", "-C", ".."]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""));
}
