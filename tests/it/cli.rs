//! Every other command: what it prints, as text and as JSON, and how it ends.

use codemate_preview::model::{Event, UpOutcome};
use serde_json::{Value, json};

use crate::help::{
    agent::{Answer, End, FakeAgent},
    program::World,
};

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn instance(phase: &Value) -> Value {
    let mut view = json!({
        "id": "0123456789ab", "name": "shop",
        "source": { "kind": "local", "directory": "/projects/shop" },
        "template": "flask", "image": "codemate/python:3.11", "generation": 1,
        "limits": { "cpus": 1.0, "memory_bytes": 536_870_912, "pids": 512, "open_files": 1024,
                    "log_bytes": 1, "tmp_bytes": 1 },
        "created": LONG_AGO,
    });
    view.as_object_mut()
        .unwrap()
        .extend(phase.as_object().unwrap().clone());
    view
}

fn ready() -> Value {
    let urls = json!({ "local": "http://shop.localhost:7080" });
    instance(&json!({ "phase": "ready", "since": LONG_AGO, "port": 5000, "urls": urls }))
}

fn world() -> (World, FakeAgent) {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    (world, agent)
}

/// How long ago something was grows with the years.
fn settled(text: &str) -> String {
    regex::Regex::new(r"\b\d+d\b")
        .unwrap()
        .replace_all(text, "[age]")
        .into_owned()
}

#[test]
fn ls_lists() {
    let (world, agent) = world();
    let asleep = instance(&json!({ "phase": "asleep", "since": LONG_AGO }));
    agent.on(
        "GET",
        "/v1/instances",
        Answer::Json(json!({ "instances": [ready(), asleep] })),
    );
    insta::assert_snapshot!(settled(&world.run(&["ls"]).all()), @r"
    exit 0
    --- stdout
    NAME  PHASE   FOR    URL                         SOURCE
    shop  ready   [age]  http://shop.localhost:7080  /projects/shop
    shop  asleep  [age]  -                           /projects/shop
    --- stderr
    ");
    let json = world.run(&["ls", "--json"]);
    let [document] = json.json().try_into().unwrap();
    assert_eq!(document["data"]["instances"][0]["name"], "shop");
    assert_eq!(
        (&document["v"], &document["type"]),
        (&json!(1), &json!("result"))
    );
    assert_eq!(document["data"]["outcome"], "success");
    agent.on(
        "GET",
        "/v1/instances",
        Answer::Json(json!({ "instances": [] })),
    );
    let empty = world.run(&["ls"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
}

/// Measuring may take the engine a second, and an IDE asks for the URL all the time.
#[test]
fn only_status_has_anything_measured() {
    let (world, agent) = world();
    agent.on("GET", "/v1/instances/shop", Answer::Json(ready()));
    agent.on("GET", "/v1/instances/shop/wait", Answer::Json(ready()));
    for command in ["url", "status", "url"] {
        assert_eq!(world.run(&[command, "shop"]).code, Some(0));
        let query = agent.asked("GET /v1/instances/shop").unwrap();
        let measured = query == "usage=true";
        assert_eq!(measured, command == "status", "{command}: {query}");
    }
}

/// What listens on no port has no page, whatever its phase holds.
#[test]
fn a_program_without_a_port_has_no_url() {
    let (world, agent) = world();
    let mut view = ready();
    view["without_page"] = json!(true);
    agent.on("GET", "/v1/instances/shop", Answer::Json(view.clone()));
    agent.on("GET", "/v1/instances/shop/wait", Answer::Json(view.clone()));
    agent.on(
        "GET",
        "/v1/instances",
        Answer::Json(json!({ "instances": [view] })),
    );
    insta::assert_snapshot!(world.run(&["url", "shop"]).all(), @r"
    exit 3
    --- stdout
    --- stderr
    error: `shop` is a program without a port, so it has no URL
      codemate-preview logs shop # shows what it writes
    ");
    let waited = world.run(&["wait", "shop"]);
    assert_eq!((waited.code, waited.stdout.as_str()), (Some(0), ""));
    for command in [vec!["status", "shop"], vec!["ls"]] {
        let ran = world.run(&command);
        assert_eq!(ran.code, Some(0));
        assert!(!ran.stdout.contains("http://"), "{}", ran.stdout);
    }
    let failed = json!({
        "phase": "failed",
        "since": "2026-01-02T03:04:05Z",
        "cause": { "code": "E_APP_EXITED", "message": "the app exited with code 3" },
    });
    let mut view = ready();
    for (key, value) in failed.as_object().unwrap() {
        view[key] = value.clone();
    }
    view["without_page"] = json!(true);
    agent.on("GET", "/v1/instances/shop", Answer::Json(view));
    let ran = world.run(&["url", "shop"]).all();
    assert!(ran.contains("exited with code 3"), "{ran}");
}

#[test]
fn status_tells_all() {
    let (world, agent) = world();
    agent.on("GET", "/v1/instances/shop", Answer::Json(ready()));
    insta::assert_snapshot!(settled(&world.run(&["status", "shop"]).all()), @r"
    exit 0
    --- stdout
    name      shop
    id        0123456789ab
    phase     ready, for [age]
    source    /projects/shop
    local     http://shop.localhost:7080
    port      5000
    template  flask
    image     codemate/python:3.11
    limits    1 cores, 512 MiB
    --- stderr
    ");
    let ndjson = world.run(&["status", "shop", "--format", "ndjson"]).json();
    assert_eq!(
        (&ndjson[0]["type"], &ndjson[1]["type"]),
        (&json!("hello"), &json!("result"))
    );
    assert_eq!(ndjson[1]["data"]["phase"], "ready");
}

#[test]
fn url_is_one_line_or_a_reason() {
    let (world, agent) = world();
    agent.on("GET", "/v1/instances/shop", Answer::Json(ready()));
    assert_eq!(
        world.run(&["url", "shop"]).stdout,
        "http://shop.localhost:7080\n"
    );
    let starting = instance(&json!({ "phase": "starting", "since": LONG_AGO }));
    agent.on("GET", "/v1/instances/shop", Answer::Json(starting));
    insta::assert_snapshot!(world.run(&["url", "shop"]).all(), @r"
    exit 3
    --- stdout
    --- stderr
    error: `shop` has no URL now: it is starting
      codemate-preview wait shop # wait until it is ready
    ");
    let cause = json!({ "code": "E_INSTALL", "message": "no such package" });
    let failed = instance(&json!({ "phase": "failed", "since": LONG_AGO, "cause": cause }));
    agent.on("GET", "/v1/instances/shop", Answer::Json(failed));
    let ran = world.run(&["url", "shop"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(8), "error: no such package\n")
    );
}

#[test]
fn the_instance_of_the_directory_is_meant_when_none_is_named() {
    let (world, agent) = world();
    let id = |label: Option<&str>| {
        let label = label.map(|label| label.parse().unwrap());
        codemate_preview::model::InstanceId::of_directory(&world.project(), label.as_ref())
    };
    for (args, id) in [
        (vec!["url"], id(None)),
        (vec!["url", "."], id(None)),
        (vec!["url", "../shop"], id(None)),
        (
            vec!["url", "-C", "/", &format!(".{}", world.project().display())],
            id(None),
        ),
        (vec!["url", "--name", "two"], id(Some("two"))),
    ] {
        agent.on("GET", &format!("/v1/instances/{id}"), Answer::Json(ready()));
        let ran = world.run(&args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    }
    insta::assert_snapshot!(world.run(&["url", "--name", "three"]).all(), @r"
    exit 3
    --- stdout
    --- stderr
    error: nothing runs for `[root]/shop`
      codemate-preview up [root]/shop --name three # start it
      codemate-preview ls # see what runs
    ");
    let neither = world.run(&["url", "My App"]);
    assert_eq!(neither.code, Some(2));
    assert!(
        neither.stderr.contains("is not a name"),
        "{}",
        neither.stderr
    );
}

#[test]
fn down_names_what_it_stopped() {
    let (world, agent) = world();
    agent.on(
        "POST",
        "/v1/instances/stop",
        Answer::Json(json!({ "stopped": ["shop"] })),
    );
    assert_eq!(world.run(&["down", "shop", "other"]).stdout, "shop\n");
    let asked = json!({ "instances": ["shop", "other"], "all": false, "purge": false });
    assert_eq!(agent.asked("POST /v1/instances/stop"), Some(asked));
    agent.on(
        "POST",
        "/v1/instances/stop",
        Answer::Json(json!({ "stopped": [] })),
    );
    let again = world.run(&["down", "--all"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""));
}

#[test]
fn what_cannot_be_undone_needs_a_yes() {
    let (world, agent) = world();
    agent.on(
        "POST",
        "/v1/instances/stop",
        Answer::Json(json!({ "stopped": [] })),
    );
    let ran = world.run(&["down", "--all", "--purge"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("`--yes`"), "{}", ran.stderr);
    assert!(agent.asked("POST /v1/instances/stop").is_none());
    assert_eq!(
        world.run(&["down", "--all", "--purge", "--yes"]).code,
        Some(0)
    );
}

#[test]
fn restart_and_wait_print_the_url() {
    let (world, agent) = world();
    let urls = codemate_preview::model::Urls {
        local: "http://x".to_owned(),
        public: None,
    };
    let result = vec![Event::Result(UpOutcome::success(true, Some(urls)))];
    agent.on(
        "POST",
        "/v1/instances/shop/restart",
        Answer::Lines(result, End::Proper),
    );
    assert_eq!(world.run(&["restart", "shop"]).stdout, "http://x\n");
    agent.on("GET", "/v1/instances/shop/wait", Answer::Json(ready()));
    let ran = world.run(&["wait", "shop", "--timeout", "5s"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "http://shop.localhost:7080\n")
    );
    assert_eq!(
        agent.asked("GET /v1/instances/shop/wait"),
        Some(json!("timeout_ms=5000"))
    );
}

#[test]
fn detect_shows_evidence_and_what_was_not_taken() {
    let (world, agent) = world();
    let version = json!({ "version": "3.11", "asked": ">=3.11", "from": "pyproject.toml" });
    let report = json!({
        "plan": {
            "template": "flask", "title": "Flask", "image": "codemate/python:3.11",
            "stack": "python", "version": version,
            "install": { "commands": [["uv", "pip", "install", "-r", "requirements.txt"]], "inputs": [] },
            "run": { "argv": ["flask", "run"], "port": 5000, "port_is_fixed": false, "env": {} },
            "ready": { "path": "/", "status": [200, 499], "timeout": 60_000 },
            "reload": { "mode": "restart", "restart_on": [] },
            "proxy": "preserve", "public_deny": [], "ignore": [], "env": {},
        },
        "version": version,
        "candidates": [
            { "template": "flask", "score": 60, "evidence": [{ "what": "requirements.txt names flask", "score": 60 }] },
            { "template": "python", "score": 10, "evidence": [], "rejected": "flask says more" },
        ],
    });
    agent.on("POST", "/v1/detect", Answer::Json(report));
    insta::assert_snapshot!(world.run(&["detect"]).all(), @r"
    exit 0
    --- stdout
    template  flask (Flask)
    image     codemate/python:3.11
    version   3.11 (pyproject.toml asks for >=3.11)
    install   uv pip install -r requirements.txt
    run       flask run
    port      5000
    ready     / answers 200-499

    SCORE  EVIDENCE
    60     requirements.txt names flask

    NOT TAKEN  SCORE  WHY
    python     10     flask says more
    --- stderr
    ");
}

#[test]
fn images_are_listed_built_and_removed() {
    let (world, agent) = world();
    let built = json!({ "id": "sha256:1", "size_bytes": 104_857_600, "created": 0 });
    let image = json!({ "tag": "codemate/python:3.11", "stack": "python", "version": "3.11", "built": built });
    agent.on(
        "GET",
        "/v1/images",
        Answer::Json(json!({ "images": [image] })),
    );
    insta::assert_snapshot!(world.run(&["images", "ls"]).all(), @r"
    exit 0
    --- stdout
    IMAGE                 STACK   VERSION  SIZE
    codemate/python:3.11  python  3.11     100 MiB
    --- stderr
    ");
    let result = vec![Event::Result(UpOutcome::success(true, None))];
    agent.on(
        "POST",
        "/v1/images/build",
        Answer::Lines(result, End::Proper),
    );
    let ran = world.run(&["images", "build", "python", "--rebuild"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    let asked = json!({ "images": ["python"], "rebuild": true });
    assert_eq!(agent.asked("POST /v1/images/build"), Some(asked));
    let pruned = json!({ "removed": ["codemate/node:20"], "freed_bytes": 1024 });
    agent.on("POST", "/v1/images/prune", Answer::Json(pruned));
    assert_eq!(world.run(&["images", "prune"]).code, Some(2));
    assert_eq!(
        world.run(&["images", "prune", "-y"]).stdout,
        "codemate/node:20\n"
    );
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do() {
    let (world, agent) = world();
    agent.on("GET", "/v1/images", Answer::Json(json!({ "images": [] })));
    let mut hello = crate::help::agent::hello(1);
    hello["engine"] = Value::Null;
    agent.on("GET", "/v1/hello", Answer::Json(hello));
    let ran = world.run(&["doctor"]);
    assert_eq!(ran.code, Some(5));
    assert!(
        ran.stdout.contains("✗ engine   no Docker answers\n"),
        "{}",
        ran.stdout
    );
    let [document] = world.run(&["doctor", "--json"]).json().try_into().unwrap();
    assert_eq!(
        (&document["data"]["outcome"], &document["data"]["exit"]),
        (&json!("failure"), &json!(5))
    );
    let findings = document["data"]["findings"].as_array().unwrap();
    let engine = findings
        .iter()
        .find(|finding| finding["id"] == "engine")
        .unwrap();
    assert_eq!(engine["status"], "failed");
    assert!(engine["fix"].is_string());
}

#[test]
fn colour_is_used_when_asked_for_only() {
    let (world, _agent) = world();
    assert!(!world.run(&["url"]).stderr.contains('\u{1b}'));
    assert!(
        world
            .run(&["url", "--color", "always"])
            .stderr
            .contains("\u{1b}[31m")
    );
    let forced = |args: &[&str], no_color: &str| {
        world.run_with(args, |command| {
            command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", no_color);
        })
    };
    assert!(forced(&["url"], "").stderr.contains('\u{1b}'));
    assert!(!forced(&["url"], "1").stderr.contains('\u{1b}'));
}

#[test]
fn help_knows_commands_and_exit_codes() {
    let world = World::new();
    let codes = world.run(&["help", "exit-codes"]);
    assert!(codes.stdout.contains("E_APP_EXITED"), "{}", codes.stdout);
    let up = world.run(&["help", "up"]);
    assert!(up.stdout.contains("--attach"), "{}", up.stdout);
    assert_eq!(world.run(&["help", "nothing"]).code, Some(2));
    assert_eq!(world.run(&["nothing"]).code, Some(2));
    assert_eq!(world.run(&[]).code, Some(2));
    assert_eq!(world.run(&["--version"]).code, Some(0));
}
