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
