//! `up`: one URL that answers, the second time at once, the third from what is installed.

use serde_json::{Value, json};

use crate::{
    Test,
    host::{Host, docker},
    web::get,
};

pub const TESTS: &[Test] = &[
    ("up::flask_answers", flask_answers),
    ("up::fastapi_answers", fastapi_answers),
    ("up::django_answers", django_answers),
    ("up::express_answers", express_answers),
    ("up::vite_answers", vite_answers),
    ("up::a_static_site_answers", a_static_site_answers),
    ("up::bare_scripts_answer", bare_scripts_answer),
    (
        "up::a_second_up_changes_nothing",
        a_second_up_changes_nothing,
    ),
    (
        "up::a_stopped_project_is_a_snapshot_hit",
        a_stopped_project_is_a_snapshot_hit,
    ),
    ("up::rebuild_installs_again", rebuild_installs_again),
    (
        "up::an_app_on_loopback_is_relayed_to",
        an_app_on_loopback_is_relayed_to,
    ),
    ("up::the_port_is_found", the_port_is_found),
    (
        "up::limits_and_env_reach_the_container",
        limits_and_env_reach_the_container,
    ),
    (
        "up::two_checkouts_are_two_previews",
        two_checkouts_are_two_previews,
    ),
    (
        "up::a_start_that_failed_is_made_good_by_the_next",
        a_start_that_failed_is_made_good_by_the_next,
    ),
    ("up::two_at_once_are_one", two_at_once_are_one),
    (
        "up::a_monorepos_app_is_run_where_it_is",
        a_monorepos_app_is_run_where_it_is,
    ),
];

fn answers(fixture: &str, text: &str) {
    let host = Host::new();
    let url = host.up(&host.copy_of(fixture)).url();
    let (status, body) = get(&url);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(text), "{body}");
}

fn flask_answers() {
    answers("flask-hello", "Hello");
}

fn fastapi_answers() {
    answers("fastapi-hello", "Hello");
}

fn django_answers() {
    answers("django-hello", "Hello");
}

fn express_answers() {
    answers("express-hello", "Hello");
}

fn vite_answers() {
    answers("vite-hello", "/@vite/client");
}

fn a_static_site_answers() {
    answers("static-hello", "Hello");
}

fn bare_scripts_answer() {
    answers("script-python", "Hello");
    answers("script-node", "Hello");
}

fn result(lines: &[Value]) -> &Value {
    let last = lines.last().unwrap();
    assert_eq!(last["type"], "result", "{last}");
    &last["data"]
}

fn step<'a>(lines: &'a [Value], id: &str) -> Option<&'a str> {
    lines
        .iter()
        .filter(|line| line["type"] == "step" && line["data"]["id"] == id)
        .filter_map(|line| line["data"]["state"].as_str())
        .next_back()
}

fn a_second_up_changes_nothing() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let url = host.up(&project).url();
    let again = host
        .run(&["--format", "ndjson", "up", project.to_str().unwrap()])
        .ok();
    let lines = again.lines();
    assert_eq!(lines[0]["type"], "hello");
    let result = result(&lines);
    assert_eq!(result["outcome"], "success");
    assert_eq!(result["changed"], json!(false));
    assert_eq!(result["urls"]["local"], json!(url));
}

fn a_stopped_project_is_a_snapshot_hit() {
    let host = Host::new();
    let project = host.copy_of("flask-hello");
    let path = project.to_str().unwrap();
    let first = host.run(&["--format", "ndjson", "up", path]).ok().lines();
    assert_eq!(step(&first, "install"), Some("done"));
    host.run(&["down", path]).ok();
    let left = host.owned();
    assert_eq!(left.len(), 1, "only the volume stays: {left:?}");
    let second = host.run(&["--format", "ndjson", "up", path]).ok().lines();
    assert_eq!(step(&second, "install"), Some("skipped"));
    let url = result(&second)["urls"]["local"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(get(&url).0, 200);
}

fn rebuild_installs_again() {
    let host = Host::new();
    let project = host.copy_of("flask-hello");
    let path = project.to_str().unwrap();
    host.up(&project).url();
    let again = host
        .run(&["--format", "ndjson", "up", "--rebuild", path])
        .ok()
        .lines();
    assert_eq!(step(&again, "install"), Some("done"));
}

const ON_LOOPBACK: &str = r#"
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from loopback")
HTTPServer(("127.0.0.1", 4321), Hello).serve_forever()
"#;

fn an_app_on_loopback_is_relayed_to() {
    let host = Host::new();
    let project = host.project("loopback", &[("main.py", ON_LOOPBACK)]);
    let ran = host.up(&project);
    assert!(ran.stderr.contains("127.0.0.1"), "no warning: {ran:#?}");
    assert_eq!(get(&ran.url()), (200, "from loopback".to_owned()));
}

fn the_port_is_found() {
    let host = Host::new();
    let text = ON_LOOPBACK.replace("\"127.0.0.1\", 4321", "\"0.0.0.0\", 9123");
    let url = host
        .up(&host.project("odd-port", &[("main.py", &text)]))
        .url();
    assert_eq!(get(&url).0, 200);
}

const SHOWS_ENV: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write((os.environ["ONE"] + os.environ["TWO"] + str(os.getuid())).encode())
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Hello).serve_forever()
"#;

fn limits_and_env_reach_the_container() {
    let host = Host::new();
    let project = host.project(
        "limits",
        &[("main.py", SHOWS_ENV), ("settings.env", "TWO=zwei\n")],
    );
    let url = host
        .run(&[
            "up",
            project.to_str().unwrap(),
            "--cpus",
            "0.5",
            "--memory",
            "200MiB",
            "--env",
            "ONE=eins",
            "--env-file",
            project.join("settings.env").to_str().unwrap(),
        ])
        .url();
    assert_eq!(get(&url), (200, "einszwei1000".to_owned()));
    let inspected = docker(&["inspect", &host.container()]).join("\n");
    let container: Value = serde_json::from_str(&inspected).unwrap();
    let held = &container[0]["HostConfig"];
    assert_eq!(held["NanoCpus"], json!(500_000_000));
    assert_eq!(held["Memory"], json!(200 << 20));
    assert_eq!(held["MemorySwap"], json!(200 << 20));
    assert_eq!(held["PidsLimit"], json!(512));
    assert_eq!(held["CapDrop"], json!(["ALL"]));
    assert_eq!(held["ReadonlyRootfs"], json!(true));
    assert_eq!(held["Privileged"], json!(false));
    assert!(
        held["SecurityOpt"]
            .to_string()
            .contains("no-new-privileges"),
        "{held}"
    );
    assert_eq!(container[0]["Config"]["User"], json!("1000:1000"));
    assert_eq!(
        held["PortBindings"]
            .as_object()
            .map_or(0, serde_json::Map::len),
        0
    );
    let log = &held["LogConfig"]["Config"];
    assert!(
        log["max-size"].is_string() && log["max-file"].is_string(),
        "{log}"
    );
}

fn two_checkouts_are_two_previews() {
    let host = Host::new();
    let one = host.project(
        "a/shop",
        &[("main.py", &ON_LOOPBACK.replace("from loopback", "one"))],
    );
    let two = host.project(
        "b/shop",
        &[("main.py", &ON_LOOPBACK.replace("from loopback", "two"))],
    );
    let (one, two) = (host.up(&one).url(), host.up(&two).url());
    assert_ne!(one, two);
    assert_eq!(
        (get(&one).1, get(&two).1),
        ("one".to_owned(), "two".to_owned())
    );
}

/// What was installed goes with the volume of a first start that failed; the next installs anew.
fn a_start_that_failed_is_made_good_by_the_next() {
    let host = Host::new();
    let app = "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef hello():\n    return 'good'\n";
    let broken = format!("{app}raise SystemExit(3)\n");
    let project = host.project(
        "mended",
        &[("requirements.txt", "flask\n"), ("app.py", &broken)],
    );
    assert_eq!(host.up(&project).code, 9);
    crate::host::write(&project.join("app.py"), app);
    assert_eq!(get(&host.up(&project).url()), (200, "good".to_owned()));
}

fn two_at_once_are_one() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    host.run(&["ls"]).ok();
    let both = [(); 2].map(|()| host.spawn(&["up", project.to_str().unwrap()]));
    let urls = both.map(|up| {
        let output = up.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    });
    assert_eq!(urls[0], urls[1]);
    host.container();
    assert_eq!(get(urls[0].trim()).0, 200);
}

fn a_monorepos_app_is_run_where_it_is() {
    let host = Host::new();
    let project = host.copy_of("monorepo");
    crate::host::write(
        &project.join("codemate-preview.toml"),
        "root = \"apps/api\"\n",
    );
    host.up(&project).url();
    let at = host
        .run(&["exec", project.to_str().unwrap(), "--", "pwd"])
        .ok();
    assert_eq!(at.stdout.trim(), "/home/app/workspace/apps/api");
}
