//! Odd and hostile trees: refused by name where they must be, taken as they are where they may.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

use crate::{Test, host::Host, web::get};

pub const TESTS: &[Test] = &[
    (
        "hostile::what_is_no_file_is_left_out_by_name",
        what_is_no_file_is_left_out_by_name,
    ),
    ("hostile::links_stay_inside", links_stay_inside),
    (
        "hostile::nothing_of_the_users_is_changed",
        nothing_of_the_users_is_changed,
    ),
    ("hostile::a_full_disk_is_told", a_full_disk_is_told),
];

const LISTS: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write("\n".join(sorted(os.listdir("."))).encode())
HTTPServer(("0.0.0.0", 8000), Hello).serve_forever()
"#;

fn what_is_no_file_is_left_out_by_name() {
    let host = Host::new();
    let project = host.project("odd", &[("main.py", LISTS), ("ordinary name.txt", "")]);
    let made = Command::new("mkfifo")
        .arg(project.join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let _socket = UnixListener::bind(project.join("socket")).unwrap();
    fs::write(project.join("two\nlines"), "").unwrap();
    let ran = host.up(&project);
    for name in ["pipe", "socket", "two"] {
        assert!(ran.stderr.contains(name), "{name} is not named: {ran:#?}");
    }
    let (_, listed) = get(&ran.url());
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        ["main.py", "ordinary name.txt"]
    );
}

fn links_stay_inside() {
    let host = Host::new();
    let project = host.project("links", &[("main.py", LISTS)]);
    symlink("main.py", project.join("inside")).unwrap();
    symlink("/etc/passwd", project.join("absolute")).unwrap();
    symlink("../../outside", project.join("above")).unwrap();
    let ran = host.up(&project);
    for name in ["absolute", "above"] {
        assert!(ran.stderr.contains(name), "{name} is not named: {ran:#?}");
    }
    assert_eq!(get(&ran.url()).1, "inside\nmain.py");
}

/// Every name, size, mode and time below, as one text.
fn census(root: &std::path::Path) -> String {
    let output = Command::new("find")
        .arg(root)
        .args(["-printf", "%P %s %m %T@ %l\n"])
        .output()
        .unwrap();
    let mut lines: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines.join("\n")
}

fn nothing_of_the_users_is_changed() {
    let host = Host::new();
    let project = host.copy_of("flask-hello");
    let before = census(&project);
    let url = host.up(&project).url();
    get(&url);
    host.run(&["down", "--purge", project.to_str().unwrap()])
        .ok();
    assert_eq!(census(&project), before);
}

/// A record that cannot be written ends the start, and says why.
fn a_full_disk_is_told() {
    let host = Host::new();
    // Else it is not even tried.
    fs::create_dir_all(host.config()).unwrap();
    fs::write(
        host.config().join("config.toml"),
        "least_free_disk = \"0\"\n",
    )
    .unwrap();
    let project = host.copy_of("script-python");
    // The state directory on a file system with no room left.
    let state = project.parent().unwrap().parent().unwrap().join("state");
    fs::create_dir_all(&state).unwrap();
    let at = state.to_str().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs", at])
        .status();
    assert!(
        mounted.is_ok_and(|status| status.success()),
        "this test mounts a tmpfs, which this user may not"
    );
    host.run(&["ls"]).ok();
    let _ = fs::write(state.join("filler"), vec![0; 1 << 20]);
    let ran = host.up(&project);
    let _ = fs::remove_file(state.join("filler"));
    assert_ne!(ran.code, 0, "{ran:#?}");
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("full") || ran.stderr.contains("No space"),
        "{ran:#?}"
    );
    host.run(&["agent", "stop"]);
    Command::new("umount").args(["-l", at]).status().unwrap();
}
