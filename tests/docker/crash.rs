//! The agent is killed: the app goes on, its log has no hole, its URL answers again.

use std::process::Command;

use crate::{
    Test,
    host::{Host, docker, until},
    web::{get, try_get},
};

pub const TESTS: &[Test] = &[
    (
        "crash::the_app_outlives_the_agent",
        the_app_outlives_the_agent,
    ),
    (
        "crash::an_edit_made_meanwhile_arrives",
        an_edit_made_meanwhile_arrives,
    ),
    (
        "crash::a_start_cut_off_is_finished_or_gone",
        a_start_cut_off_is_finished_or_gone,
    ),
    (
        "crash::a_removed_container_is_told",
        a_removed_container_is_told,
    ),
    (
        "crash::a_stopped_agent_leaves_previews_up",
        a_stopped_agent_leaves_previews_up,
    ),
];

/// Counts in its log, ten lines a second, and tells its start time.
const COUNTER: &str = r#"
import threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
started = str(time.time())
def count():
    for n in range(100000):
        print("line", n, flush=True)
        time.sleep(0.1)
threading.Thread(target=count, daemon=True).start()
class Hello(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(started.encode())
HTTPServer(("0.0.0.0", 8000), Hello).serve_forever()
"#;

fn kill(pid: i32) {
    let killed = Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    until("the agent to be gone", || {
        (!std::path::Path::new(&format!("/proc/{pid}/exe")).exists()).then_some(())
    });
}

/// The numbers counted so far.
fn counted(host: &Host, project: &str) -> Vec<u32> {
    host.run(&["logs", project])
        .ok()
        .stdout
        .lines()
        .filter_map(|line| line.split("line ").nth(1)?.trim().parse().ok())
        .collect()
}

fn the_app_outlives_the_agent() {
    let host = Host::new();
    let project = host.project("counter", &[("main.py", COUNTER)]);
    let path = project.to_str().unwrap();
    let url = host.up(&project).url();
    let started = get(&url).1;
    let before = until("some lines", || {
        Some(counted(&host, path)).filter(|lines| lines.len() > 5)
    });
    kill(host.agent_pid());
    assert!(try_get(&url).is_none(), "the gateway died with the agent");
    let listed = host.run(&["ls"]).ok();
    assert!(listed.stdout.contains("counter"), "{listed:#?}");
    assert_eq!(get(&url), (200, started), "the app was never interrupted");
    let last = *before.last().unwrap();
    let after = until("more lines", || {
        Some(counted(&host, path)).filter(|lines| lines.last().is_some_and(|n| *n > last + 5))
    });
    let whole: Vec<u32> = (0..u32::try_from(after.len()).unwrap()).collect();
    assert_eq!(after, whole, "the log has a hole");
}

fn an_edit_made_meanwhile_arrives() {
    let host = Host::new();
    let project = host.project("counter", &[("main.py", COUNTER)]);
    let url = host.up(&project).url();
    kill(host.agent_pid());
    crate::host::write(
        &project.join("main.py"),
        &COUNTER.replace("started.encode()", "b'edited'"),
    );
    host.run(&["ls"]).ok();
    until("the edit", || {
        try_get(&url).filter(|(_, body)| body == "edited")
    });
}

fn a_start_cut_off_is_finished_or_gone() {
    let host = Host::new();
    let project = host.copy_of("flask-hello");
    let mut up = host.spawn(&["up", project.to_str().unwrap()]);
    until("a container", || (!host.owned().is_empty()).then_some(()));
    kill(host.agent_pid());
    let ended = up.wait().unwrap();
    assert_eq!(ended.code(), Some(5));
    host.run(&["ls"]).ok();
    let settled = host.run(&["wait", project.to_str().unwrap()]);
    if settled.code == 0 {
        let url = host.run(&["url", project.to_str().unwrap()]).url();
        assert_eq!(get(&url).0, 200);
    } else {
        until("nothing to run", || host.owned().is_empty().then_some(()));
    }
}

fn a_removed_container_is_told() {
    let host = Host::new();
    let project = host.project("counter", &[("main.py", COUNTER)]);
    let url = host.up(&project).url();
    docker(&["rm", "-f", &host.container()]);
    until("a page that says so", || {
        try_get(&url).filter(|(status, _)| *status == 503)
    });
    let again = host.up(&project).url();
    assert_eq!(get(&again).0, 200);
}

fn a_stopped_agent_leaves_previews_up() {
    let host = Host::new();
    let project = host.project("counter", &[("main.py", COUNTER)]);
    let url = host.up(&project).url();
    let started = get(&url).1;
    host.run(&["agent", "restart"]).ok();
    assert_eq!(get(&url), (200, started));
}
