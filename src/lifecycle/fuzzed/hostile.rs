//! Settings as a hostile project would write them, most of them well-formed.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

/// A value that a hostile project could hope something of.
fn hostile() -> impl Strategy<Value = String> {
    let known = select(vec![
        "",
        ".",
        "..",
        "/",
        "../..",
        "/proc/self/fd/7",
        "/proc/self/fd/8/../../..",
        "sub",
        "host",
        "none",
        "--privileged",
        "--pid=host",
        "container:cmp-net",
        "unconfined",
        "seccomp=unconfined",
        "root",
        "0:0",
        "0",
        "/var/run/docker.sock:/var/run/docker.sock",
        "debian:bookworm-slim",
        "codemate/python:3.11",
        "a b",
        "$(id)",
        "1GiB",
        "1e9GiB",
        "-1",
        "18446744073709551616",
        "NaN",
        "\u{0}",
        "a\nb",
        "runsc",
        "runc",
        "3.11",
        "script-python",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => ".{0,40}"]
}

/// As TOML writes a string.
pub fn quoted(text: &str) -> String {
    json!(text).to_string()
}

/// A line of a settings file under a table, most of them such as are known.
fn line() -> impl Strategy<Value = (&'static str, String)> {
    let strings = select(vec![
        ("", "name"),
        ("", "root"),
        ("", "template"),
        ("", "image"),
        ("", "version"),
        ("ready", "path"),
        ("ready", "status"),
        ("ready", "timeout"),
        ("limits", "memory"),
        ("proxy", "host"),
        ("sandbox", "runtime"),
        ("network", "egress"),
        ("set", "entry"),
        ("env", "HOME"),
        ("env", "USER"),
        ("env", "PATH"),
        ("env", "LD_PRELOAD"),
        ("env", "CODEMATE_GUEST_ID"),
        ("env", "CODEMATE_GUEST_WORKSPACE"),
        ("env", "A"),
    ]);
    let lists = select(vec![
        ("run", "command"),
        ("install", "inputs"),
        ("sync", "ignore"),
        ("reload", "restart_on"),
    ]);
    let unknown = select(vec![
        ("", "privileged = true"),
        ("", "user = \"0:0\""),
        ("", "binds = [\"/:/host\"]"),
        ("", "cap_add = [\"ALL\"]"),
        ("sandbox", "seccomp = \"unconfined\""),
        ("sandbox", "cap_add = [\"SYS_ADMIN\"]"),
        ("sandbox", "allow_root = true"),
        ("limits", "pids = -1"),
        ("host_config", "Privileged = true"),
        ("HostConfig", "PidMode = \"host\""),
        ("network", "mode = \"host\""),
        ("security", "opt = [\"label=disable\"]"),
        ("sandbox", "runtimes = [\"runc\"]"),
    ]);
    let other = select(vec![
        ("sandbox", "root = true"),
        ("sandbox", "root = false"),
        ("limits", "cpus = 0.0001"),
        ("limits", "cpus = 1e308"),
        ("limits", "cpus = -1.0"),
        ("limits", "cpus = nan"),
        ("limits", "cpus = 1.5"),
        ("limits", "memory = \"64MiB\""),
        ("", "port = 1"),
        ("", "schema = 1"),
        ("", "schema = 99"),
        ("network", "egress = { allow = [\"*\"] }"),
    ]);
    let whole = |(table, line): (&'static str, &'static str)| (table, line.to_owned());
    prop_oneof![
        6 => (strings, hostile()).prop_map(|((table, key), value)| (table, format!("{key} = {}", quoted(&value)))),
        2 => (lists, vec(hostile(), 0..3)).prop_map(|((table, key), values)| (table, format!("{key} = {}", json!(values)))),
        1 => unknown.prop_map(whole),
        3 => other.prop_map(whole),
    ]
}

/// A whole file: lines under their tables, each key once.
pub fn file() -> impl Strategy<Value = String> {
    vec(line(), 0..6).prop_map(|mut lines| {
        lines.sort();
        lines.dedup_by(|a, b| (a.0, a.1.split(' ').next()) == (b.0, b.1.split(' ').next()));
        let mut text = String::new();
        let mut current = "";
        for (table, line) in lines {
            if table != current {
                current = table;
                text.push_str(&["[", table, "]\n"].concat());
            }
            text += &line;
            text.push('\n');
        }
        text
    })
}
