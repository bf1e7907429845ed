//! What gets programs out of containers, tried by an app from inside its preview, beside the same
//! attempts in a container that holds little back.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    Test,
    host::{Host, write},
    world::{PROBE, get, probes_itself, shown},
};

pub const TESTS: &[Test] = &[
    ("nothing_opens_but_what_is_harmless", nothing_opens),
    (
        "root_inside_opens_little_more",
        root_inside_opens_little_more,
    ),
    (
        "what_is_not_allowed_is_refused",
        what_is_not_allowed_is_refused,
    ),
    ("a_command_begins_where_no_link_leads", a_command_begins),
];

/// How many attempts there are to be, at least.
const ATTEMPTS: usize = 140;
/// How many of them open in the control, at least: else they detect nothing.
const DETECTED: usize = 50;

/// What a preview may do, and why that is no way out.
const HARMLESS: [&str; 6] = [
    // getaddrinfo asks it for the interface's addresses; changing any needs a capability.
    "socket netlink route",
    // It makes the kernel take this process sooner.
    "raise own oom_score_adj",
    // The guest's, which has what the app has.
    "read /proc/1/environ",
    // As uname tells it.
    "read /proc/version",
    // Unless the engine maps users; a preview's has no right outside either way.
    "uids are the host's",
    // The name of a directory that it cannot see.
    "the host's paths in mountinfo",
];

/// With `root = true`: what the five capabilities and the user are for, inside the container.
const HARMLESS_TO_ROOT: [&str; 7] = [
    "a capability in effect",
    "a capability that may be had",
    "root inside",
    "become root",
    "join a group",
    "root by a set-uid program",
    // Of the image.
    "read /root/.bashrc",
];
/// Of these too, for files of the image are root's.
const ROOTS_FILES: [&str; 2] = ["read /etc/shadow", "give a file to root"];

/// Replaces its own directory by a link to an open file, and says where that leads.
const HOLDS_STILL: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
SUB = "/home/app/workspace/sub"
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        handle = self.path.strip("/")
        if handle:
            os.unlink(SUB)
            os.symlink("/proc/self/fd/" + handle, SUB)
        self.send_response(200)
        self.end_headers()
        self.wfile.write((os.readlink(SUB) if handle else "ready").encode())
HTTPServer(("0.0.0.0", 8000), Hello).serve_forever()
"#;

type Rows = BTreeMap<String, (bool, String)>;

fn rows(text: &str) -> Rows {
    let row = |line: &str| {
        let mut parts = line.splitn(3, '\t').map(str::to_owned);
        let (verdict, name, detail) = (parts.next()?, parts.next()?, parts.next()?);
        Some((name, (verdict == "open", detail)))
    };
    text.lines().filter_map(row).collect()
}

fn open(rows: &Rows) -> BTreeSet<&str> {
    let open = rows.iter().filter(|(_, (is_open, _))| *is_open);
    open.map(|(name, _)| name.as_str()).collect()
}

fn nothing_opens() {
    let host = Host::new();
    let url = host.up(&probes_itself(&host, "")).url();
    let inside = rows(&shown(&url));
    let control = control();
    println!(
        "{} attempts: {} open in the preview, {} in the control",
        inside.len(),
        open(&inside).len(),
        open(&control).len()
    );
    assert!(inside.len() >= ATTEMPTS, "{}", inside.len());
    assert_eq!(
        inside.keys().collect::<Vec<_>>(),
        control.keys().collect::<Vec<_>>()
    );
    assert!(open(&control).len() >= DETECTED, "{:?}", open(&control));
    let harmless = BTreeSet::from(HARMLESS);
    let harmful: Vec<_> = inside
        .iter()
        .filter(|(name, (is_open, _))| *is_open && !harmless.contains(name.as_str()))
        .collect();
    assert!(harmful.is_empty(), "{harmful:#?}");
    // What is said to be harmless is so because it was looked at, and it is there.
    for name in HARMLESS {
        assert!(inside.contains_key(name), "{name}");
    }
}

fn root_inside_opens_little_more() {
    let host = Host::new();
    write(
        &host.config().join("config.toml"),
        "[sandbox]\nallow_root = true\n",
    );
    let url = host
        .up(&probes_itself(&host, "[sandbox]\nroot = true\n"))
        .url();
    let inside = rows(&shown(&url));
    println!(
        "{} attempts: {} open to root in the preview",
        inside.len(),
        open(&inside).len()
    );
    let harmless: BTreeSet<&str> = HARMLESS
        .into_iter()
        .chain(HARMLESS_TO_ROOT)
        .chain(ROOTS_FILES)
        .collect();
    let harmful: Vec<_> = open(&inside).difference(&harmless).copied().collect();
    assert!(harmful.is_empty(), "{harmful:?}");
    // CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID, by their bits, and no other.
    assert_eq!(inside["a capability in effect"].1, "00000000000000cb");
    assert_eq!(inside["a capability that may be had"].1, "00000000000000cb");
}

fn what_is_not_allowed_is_refused() {
    let host = Host::new();
    let ran = host.up(&probes_itself(&host, "[sandbox]\nroot = true\n"));
    assert_eq!(ran.code, 12, "{ran:#?}");
    assert!(ran.stderr.contains("allow_root = true"), "{ran:#?}");
    let project = host.project("shop", &[("main.py", "")]);
    write(
        &project.join("codemate-preview.toml"),
        "[sandbox]\nruntime = \"runsc\"\n",
    );
    let ran = host.run(&["--json", "up", project.to_str().unwrap()]);
    assert_eq!(ran.code, 12, "{ran:#?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(told.to_string().contains("runtimes = "), "{told:#}");
    // Allowed, and not there: it says what is.
    write(
        &host.config().join("config.toml"),
        "[sandbox]\nruntimes = [\"no-such-runtime\"]\n",
    );
    host.run(&["agent", "stop"]).ok();
    write(
        &project.join("codemate-preview.toml"),
        "[sandbox]\nruntime = \"no-such-runtime\"\n",
    );
    let ran = host.run(&["up", project.to_str().unwrap()]);
    assert_eq!(ran.code, 12, "{ran:#?}");
    assert!(ran.stderr.contains("it has "), "{ran:#?}");
    assert_eq!(host.owned(), Vec::<String>::new());
}

/// The way of CVE-2024-21626: the directory a command begins in is the app's to replace, by a link
/// to a file that the engine has open while it begins one.
fn a_command_begins() {
    let host = Host::new();
    let project = host.project(
        "links",
        &[
            ("codemate-preview.toml", "root = \"sub\"\n"),
            ("sub/main.py", HOLDS_STILL),
        ],
    );
    let url = host.up(&project).url();
    let within = |script: &str| host.run(&["exec", "links", "--", "sh", "-c", script]);
    assert_eq!(within("pwd -P").ok().stdout, "/home/app/workspace/sub\n");
    within("cd .. && mv sub elsewhere && ln -s /tmp sub").ok();
    assert_eq!(within("pwd -P").ok().stdout, "/tmp\n");
    for handle in 3..12 {
        let swapped = format!("/proc/self/fd/{handle}");
        assert_eq!(get(&url, &format!("/{handle}")).1, swapped);
        let ran = within("pwd -P");
        // The guest's word, which has nothing open; not the engine's.
        assert_eq!(ran.code, 125, "{handle}: {ran:#?}");
        assert!(ran.stderr.contains("cannot work in"), "{handle}: {ran:#?}");
    }
}

/// The same attempts as root with three capabilities and every call. Not privileged: that would
/// have the host's devices, and what opens takes effect.
fn control() -> Rows {
    let name = format!("cmp-test-control-{}", std::process::id());
    let mut child = Command::new("docker")
        .args(["run", "--rm", "-i", "--name", &name, "--network", "none"])
        .args(["--user", "0", "--security-opt", "seccomp=unconfined"])
        .args([
            "--cap-add",
            "SYS_ADMIN",
            "--cap-add",
            "NET_ADMIN",
            "--cap-add",
            "SYS_PTRACE",
        ])
        .args(["codemate/python:3.11", "python3", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let script = child.stdin.take().unwrap().write_all(PROBE.as_bytes());
    script.unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    rows(&String::from_utf8(output.stdout).unwrap())
}
