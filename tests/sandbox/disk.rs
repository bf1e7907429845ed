//! What a preview holds on disk is bounded, whatever its app does.

use serde_json::Value;

use crate::{
    Test,
    host::{Host, docker, until},
};

pub const TESTS: &[Test] = &[
    (
        "what_holds_too_much_is_stopped",
        what_holds_too_much_is_stopped,
    ),
    (
        "nothing_is_started_on_a_full_disk",
        nothing_is_started_on_a_full_disk,
    ),
    (
        "only_what_nobody_needs_is_pruned",
        only_what_nobody_needs_is_pruned,
    ),
    (
        "who_was_down_longest_makes_room",
        who_was_down_longest_makes_room,
    ),
];

/// Writes 8 MiB at a time once it is told to: into a file with a name, or one without.
const WRITER: &str = r#"
import os, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
def write(unnamed):
    with open("/home/app/grows", "wb", buffering=0) as file:
        if unnamed:
            os.unlink("/home/app/grows")
        for _ in range(64):
            file.write(bytes(8 << 20))
            time.sleep(0.05)
        time.sleep(1000)
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer.allow_reuse_address = True
if os.path.exists("write"):
    threading.Thread(target=write, args=(open("write").read() == "unnamed",), daemon=True).start()
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Hello).serve_forever()
"#;

fn what_holds_too_much_is_stopped() {
    let host = Host::new();
    for kind in ["named", "unnamed"] {
        let project = host.project(kind, &[("main.py", WRITER)]);
        let dir = project.to_str().unwrap();
        host.run(&["up", dir, "--disk", "64MiB"]).url();
        // The control: the same app within its limit is let be.
        assert_eq!(host.json(&["status", dir])["phase"], "ready");
        std::fs::write(project.join("write"), kind).unwrap();
        host.run(&["restart", dir]);
        let status = until("the stop", || {
            let status = host.json(&["status", dir]);
            (status["phase"] == "failed").then_some(status)
        });
        let message = status["cause"]["message"].as_str().unwrap();
        assert_eq!(status["cause"]["code"], "E_POLICY", "{status:#}");
        assert!(message.contains("may hold 64 MiB"), "{message}");
        assert!(message.contains("a second"), "how far past: {message}");
        until("no container", || {
            docker(&["ps", "-q", "--filter", &named(kind)])
                .is_empty()
                .then_some(())
        });
        let told = host.run(&["--format", "ndjson", "events", dir]).lines();
        let stopped = |line: &Value| {
            let message = line["data"]["message"].as_str().unwrap_or_default();
            line["type"] == "warning" && message.contains("may hold 64 MiB")
        };
        assert!(told.iter().any(stopped), "{kind}");
    }
}

fn named(name: &str) -> String {
    format!("label=dev.codemate.preview.name={name}")
}

fn nothing_is_started_on_a_full_disk() {
    let host = Host::new();
    let project = host.project("shop", &[("main.py", WRITER)]);
    let settings = |least: &str| {
        let text = format!("least_free_disk = \"{least}\"\n");
        std::fs::create_dir_all(host.config()).unwrap();
        std::fs::write(host.config().join("config.toml"), text).unwrap();
        host.run(&["agent", "stop"]);
    };
    settings("1000000GiB");
    let ran = host.up(&project);
    assert_eq!(ran.code, 12, "{ran:?}");
    assert!(ran.stderr.contains("nothing is started below"), "{ran:?}");
    settings("1MiB");
    host.up(&project).url();
}

/// What a purge that was cut off leaves goes; what has a record, or is another's, stays.
fn only_what_nobody_needs_is_pruned() {
    let host = Host::new();
    let project = host.project("kept", &[("main.py", WRITER)]);
    host.up(&project).url();
    host.run(&["down", project.to_str().unwrap()]).ok();
    let owner = std::fs::read_to_string(host.config().with_file_name("state").join("owner"));
    let owner = owner.unwrap();
    let make = |name: &str, owner: &str, role: &str, id: &str| {
        let labels = [("owner", owner), ("role", role), ("id", id)]
            .map(|(key, value)| format!("--label=dev.codemate.preview.{key}={value}"));
        let mut args = vec!["volume", "create"];
        args.extend(labels.iter().map(String::as_str));
        args.push(name);
        docker(&args)
    };
    let named = |kind: &str| format!("cmp-{}-{kind}", owner.trim());
    let (lost, other, guest) = (named("lost"), named("other"), named("guest"));
    make(&lost, owner.trim(), "home", "00000000000c");
    make(&guest, owner.trim(), "guest", "");
    make(&other, "0000000000000000", "home", "00000000000c");
    let there = |name: &str| {
        !docker(&["volume", "ls", "-q", "--filter", &format!("name={name}")]).is_empty()
    };

    let told = host.json(&["prune", "--dry-run"]);
    let listed = |told: &Value| -> Vec<String> {
        let items = told["items"].as_array().unwrap().iter();
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        items
            .filter(|item| item["kind"] != "image")
            .map(name)
            .collect()
    };
    let mut found = listed(&told);
    found.sort();
    assert_eq!(found, [guest.clone(), lost.clone()], "{told:#}");
    assert!(there(&lost), "a dry run removes nothing");
    let asked = host.run(&["prune", "--no-input"]);
    assert_eq!(asked.code, 2, "it may be somebody's work: {asked:?}");
    assert!(there(&lost) && asked.stderr.contains(&lost), "{asked:?}");
    assert_eq!(host.json(&["--yes", "prune"])["removed"], true);
    assert!(!there(&lost) && !there(&guest));
    assert!(there(&other), "it is not ours");
    docker(&["volume", "rm", &other]);
    assert_eq!(listed(&host.json(&["prune", "--dry-run"])), [""; 0]);
    // The control of what stays: it comes up with what it had.
    host.up(&project).url();
}

/// Three keep 8 MiB each where 20 may be kept: the first to go down loses what it has, once the
/// last is down, and no other does.
fn who_was_down_longest_makes_room() {
    const KEEPER: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
with open("/home/app/kept", "wb") as file:
    file.write(os.urandom(8 << 20))
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Hello).serve_forever()
"#;
    let host = Host::new();
    std::fs::create_dir_all(host.config()).unwrap();
    let settings = "most_kept_disk = \"20MiB\"\n";
    std::fs::write(host.config().join("config.toml"), settings).unwrap();
    let owner = || std::fs::read_to_string(host.config().with_file_name("state").join("owner"));
    let homes = || {
        let owner = format!(
            "label=dev.codemate.preview.owner={}",
            owner().unwrap().trim()
        );
        let role = "label=dev.codemate.preview.role=home";
        let filters = ["volume", "ls", "-q", "--filter", &owner, "--filter", role];
        docker(&filters).len()
    };
    let projects = ["first", "second", "third"].map(|name| {
        host.project(name, &[("main.py", KEEPER)])
            .to_str()
            .unwrap()
            .to_owned()
    });
    for project in &projects {
        host.run(&["up", project]).url();
    }
    let lost = |project: &str| {
        let told = host.run(&["--format", "ndjson", "events", project]).lines();
        told.iter().any(|line| {
            let message = line["data"]["message"].as_str().unwrap_or_default();
            line["type"] == "warning" && message.contains("may keep 20 MiB together")
        })
    };
    host.run(&["down", &projects[0]]).ok();
    host.run(&["down", &projects[1]]).ok();
    // The control: what fits is kept.
    assert_eq!(homes(), 3);
    host.run(&["down", &projects[2]]).ok();
    until("room", || (homes() == 2).then_some(()));
    assert_eq!(
        projects.each_ref().map(|project| lost(project)),
        [true, false, false]
    );
    // It starts from its source.
    host.run(&["up", &projects[0]]).url();
}
