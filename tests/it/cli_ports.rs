//! Ports and statuses: how they are asked for on the command line, and what is said of them.

use codemate_preview::model::{AppAnswer, Event, OpenPort, PortKind, UpOutcome, Urls};
use serde_json::json;

use crate::help::{
    agent::{Answer, End, FakeAgent},
    program::World,
};

fn urls() -> Urls {
    Urls {
        local: "http://shop.localhost:7080".to_owned(),
        public: None,
    }
}

fn ready(port: u16, status: u16) -> Vec<Event> {
    let answered = AppAnswer {
        port,
        status,
        page: true,
        ..AppAnswer::default()
    };
    vec![
        Event::AppReady {
            urls: urls(),
            ms: 1_900,
            port: Some(port),
            status: Some(status),
            ports: vec![OpenPort {
                port,
                loopback: false,
                kind: Some(PortKind::Http),
            }],
        },
        Event::Result(UpOutcome::success(true, Some(urls())).with_answer(Some(answered))),
    ]
}

#[test]
fn a_status_can_be_required_by_flag_and_by_file() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&ready(3000, 200), End::Proper);
    let required = |agent: &FakeAgent| {
        let asked = agent.asked("POST /v1/instances/start").unwrap();
        asked["options"]["ready"]["status"].clone()
    };
    assert_eq!(world.run(&["up"]).code, Some(0));
    assert_eq!(required(&agent), json!(null));
    world.write("codemate-preview.toml", "ready = { status = \"200\" }\n");
    assert_eq!(world.run(&["up"]).code, Some(0));
    assert_eq!(required(&agent), json!("200"));
    assert_eq!(
        world.run(&["up", "--ready-status", "200-399"]).code,
        Some(0)
    );
    assert_eq!(required(&agent), json!("200-399"));
}

#[test]
fn a_poor_status_is_named_where_all_is_told_and_in_the_result() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&ready(3000, 500), End::Proper);
    let ran = world.run(&["up"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stderr
            .contains("it answers with status 500 on port 3000"),
        "{}",
        ran.stderr
    );
    let ran = world.run(&["up", "--format", "json"]);
    assert_eq!(ran.code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = document.to_string();
    assert!(text.contains("\"status\":500"), "{text}");
    agent.on_start(&ready(3000, 200), End::Proper);
    let ran = world.run(&["up"]);
    assert!(
        ran.stderr.contains("it answers on port 3000"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_apps_port_has_a_name_that_says_whose_it_is() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    agent.on_start(&ready(3000, 200), End::Proper);
    let up = |variables: &[(&str, &str)]| {
        let ran = world.run_with(&["up"], |command| {
            command.envs(variables.iter().copied());
        });
        let asked = agent.asked("POST /v1/instances/start");
        (ran, asked.map(|asked| asked["options"]["port"].clone()))
    };
    let (ran, port) = up(&[("CODEMATE_PREVIEW_APP_PORT", "4321")]);
    assert_eq!((ran.code, port), (Some(0), Some(json!(4321))));
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let (ran, port) = up(&[("CODEMATE_PREVIEW_PORT", "4321")]);
    assert_eq!((ran.code, port), (Some(0), Some(json!(4321))));
    assert!(
        ran.stderr.contains("CODEMATE_PREVIEW_APP_PORT"),
        "{}",
        ran.stderr
    );
    let (ran, port) = up(&[
        ("CODEMATE_PREVIEW_PORT", "1"),
        ("CODEMATE_PREVIEW_APP_PORT", "2"),
    ]);
    assert_eq!((ran.code, port), (Some(0), Some(json!(2))));
    for variable in ["CODEMATE_PREVIEW_PORT", "CODEMATE_PREVIEW_APP_PORT"] {
        for value in ["0", "65536", "http"] {
            let (ran, _) = up(&[(variable, value)]);
            assert_eq!(ran.code, Some(6), "{variable}={value}");
            assert!(ran.stderr.contains(variable), "{}", ran.stderr);
        }
    }
}

#[test]
fn status_names_every_port_and_how_it_answers() {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    let route = "/v1/instances/shop";
    let view = |status: u16, ports: serde_json::Value| {
        Answer::Json(json!({
            "id": "0123456789ab", "name": "shop",
            "source": { "kind": "local", "directory": "/project" },
            "phase": "ready", "since": "2026-01-01T00:00:00Z", "port": 5173, "urls": urls(),
            "template": null, "image": null, "generation": 1,
            "limits": { "cpus": 1.0, "memory_bytes": 1, "pids": 1, "open_files": 1,
                "log_bytes": 1, "tmp_bytes": 1, "disk_bytes": 1 },
            "created": "2026-01-01T00:00:00Z", "status": status, "ports": ports,
        }))
    };
    let open = |port: u16, kind: &str| json!({ "port": port, "loopback": false, "kind": kind });
    agent.on(
        "GET",
        route,
        view(
            404,
            json!([
                { "port": 3001, "loopback": true },
                open(5173, "http"),
                open(6379, "other"),
                open(9229, "debugger"),
            ]),
        ),
    );
    let ran = world.run(&["status", "shop"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for words in [
        "5173, answers with 404",
        "3001, 6379 (no HTTP), 9229 (a debugger's)",
        "`up --port` takes another",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    agent.on("GET", route, view(200, json!([open(5173, "http")])));
    let ran = world.run(&["status", "shop"]);
    assert!(
        !ran.stdout.contains("also open") && !ran.stdout.contains("answers with"),
        "{}",
        ran.stdout
    );
}
