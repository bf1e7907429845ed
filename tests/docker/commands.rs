//! The other commands, on a preview that runs.

use serde_json::json;

use crate::{
    Test,
    host::{Host, until},
    web::get,
};

pub const TESTS: &[Test] = &[
    (
        "commands::they_tell_the_same_story",
        they_tell_the_same_story,
    ),
    ("commands::logs_filter_and_follow", logs_filter_and_follow),
    (
        "commands::events_end_as_they_began",
        events_end_as_they_began,
    ),
    (
        "commands::attach_streams_until_interrupted",
        attach_streams_until_interrupted,
    ),
    ("commands::images_are_listed", images_are_listed),
    (
        "commands::doctor_finds_nothing_wrong",
        doctor_finds_nothing_wrong,
    ),
    (
        "commands::detect_shows_its_evidence",
        detect_shows_its_evidence,
    ),
    (
        "commands::a_restart_that_fails_is_told",
        a_restart_that_fails_is_told,
    ),
    (
        "commands::down_waits_for_no_installation",
        down_waits_for_no_installation,
    ),
];

fn they_tell_the_same_story() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let path = project.to_str().unwrap();
    let url = host.up(&project).url();
    assert_eq!(host.run(&["url", path]).url(), url);
    assert_eq!(host.run(&["url", "script-python"]).url(), url);
    let listed = host.json(&["ls"]);
    assert_eq!(listed["instances"][0]["phase"], json!("ready"));
    let status = host.json(&["status", path]);
    assert_eq!(status["urls"]["local"], json!(url));
    assert!(
        status["usage"]["memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0),
        "{status}"
    );
    host.run(&["wait", path]).ok();
    host.run(&["restart", path]).ok();
    assert_eq!(get(&url).0, 200);
    host.run(&["down", path]).ok();
    host.run(&["down", path]).ok();
    assert_eq!(host.json(&["ls"])["instances"][0]["phase"], json!("asleep"));
    assert_ne!(get(&url).0, 200);
    host.run(&["down", "--purge", path]).ok();
    assert_eq!(host.json(&["ls"])["instances"], json!([]));
}

fn logs_filter_and_follow() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let path = project.to_str().unwrap();
    let url = host.up(&project).url();
    get(&format!("{url}/first-request"));
    until("the line", || {
        host.run(&["logs", path])
            .stdout
            .contains("first-request")
            .then_some(())
    });
    let none = host.run(&["logs", "--grep", "no such line", path]).ok();
    assert_eq!(none.stdout, "");
    let some = host.run(&["logs", "--grep", "first-re.uest", path]).ok();
    assert_eq!(some.stdout.lines().count(), 1, "{some:#?}");
    let mut follower = host.spawn(&["logs", "-f", path]);
    get(&format!("{url}/second-request"));
    let mut stdout = follower.stdout.take().unwrap();
    let mut seen = String::new();
    until("the new line", || {
        let mut piece = [0; 4096];
        let read = std::io::Read::read(&mut stdout, &mut piece).unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        seen.contains("second-request").then_some(())
    });
    follower.kill().unwrap();
    follower.wait().unwrap();
}

fn events_end_as_they_began() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    host.up(&project).url();
    let lines = host
        .run(&["--format", "ndjson", "events", project.to_str().unwrap()])
        .ok()
        .lines();
    let kinds: Vec<_> = lines
        .iter()
        .filter_map(|line| line["type"].as_str())
        .collect();
    assert_eq!(kinds.first(), Some(&"hello"));
    assert_eq!(kinds.last(), Some(&"result"));
    for kind in ["detect", "step", "sync", "state", "app.ready"] {
        assert!(kinds.contains(&kind), "{kind} is missing from {kinds:?}");
    }
}

fn attach_streams_until_interrupted() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let up = host.spawn(&["up", "--attach", project.to_str().unwrap()]);
    let url = until("its URL", || {
        let ran = host.run(&["url", project.to_str().unwrap()]);
        (ran.code == 0).then(|| ran.url())
    });
    assert_eq!(get(&url).0, 200);
    std::process::Command::new("kill")
        .args(["-INT", &up.id().to_string()])
        .status()
        .unwrap();
    let output = up.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    until("the container to go", || {
        (host.owned().len() <= 1).then_some(())
    });
}

fn images_are_listed() {
    let host = Host::new();
    let images = host.json(&["images", "ls"]);
    let tags: Vec<_> = images["images"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|image| image["tag"].as_str())
        .collect();
    assert!(tags.contains(&"codemate/python:3.11"), "{tags:?}");
    assert!(tags.contains(&"codemate/node:24"), "{tags:?}");
}

fn doctor_finds_nothing_wrong() {
    let host = Host::new();
    host.run(&["doctor"]).ok();
    let mut broken = Host::new();
    broken
        .env
        .push(("DOCKER_HOST", "unix:///nonexistent/docker.sock".to_owned()));
    assert_eq!(broken.run(&["doctor"]).code, 5);
}

fn detect_shows_its_evidence() {
    let host = Host::new();
    let project = host.copy_of("flask-hello");
    let report = host.json(&["detect", project.to_str().unwrap()]);
    assert_eq!(report["plan"]["template"], json!("flask"));
    let winner = &report["candidates"][0];
    assert_eq!(winner["template"], json!("flask"));
    assert!(
        winner["evidence"]
            .as_array()
            .is_some_and(|all| !all.is_empty()),
        "{winner}"
    );
    let rejected = report["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .any(|c| c["rejected"].is_string());
    assert!(rejected, "{report}");
}

const ENDS_IF_TOLD: &str = r#"
import os, sys
if os.path.exists("end"):
    sys.exit(4)
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("0.0.0.0", 8000), SimpleHTTPRequestHandler).serve_forever()
"#;

fn a_restart_that_fails_is_told() {
    let host = Host::new();
    let project = host.project("ends", &[("main.py", ENDS_IF_TOLD)]);
    let path = project.to_str().unwrap();
    let url = host.up(&project).url();
    host.run(&["exec", path, "--", "touch", "end"]).ok();
    let failed = host.run(&["restart", path]);
    assert_eq!(failed.code, 9, "{failed:#?}");
    assert_eq!(host.json(&["status", path])["phase"], json!("failed"));
    assert_eq!(get(&url).0, 503);
    host.run(&["exec", path, "--", "rm", "end"]).ok();
    host.run(&["restart", path]).ok();
    assert_eq!(get(&url).0, 200);
}

fn down_waits_for_no_installation() {
    let host = Host::new();
    let settings = "[install]\ncommands = [[\"sh\", \"-c\", \"test ! -e slow || sleep 600\"]]\ninputs = [\"slow\"]\n";
    let project = host.project(
        "slow",
        &[
            ("main.py", ENDS_IF_TOLD),
            ("codemate-preview.toml", settings),
        ],
    );
    let path = project.to_str().unwrap();
    host.up(&project).url();
    crate::host::write(&project.join("slow"), "");
    until("the installation", || {
        let events = host.run(&["--format", "ndjson", "events", path]).lines();
        let installs = events
            .iter()
            .filter(|line| line["data"]["id"] == "install" && line["data"]["state"] == "started");
        (installs.count() > 1).then_some(())
    });
    host.run(&["down", path]).ok();
    assert_eq!(host.json(&["status", path])["phase"], json!("asleep"));
}
