//! Engines that are set up otherwise: one that maps users, and gVisor's runtime. Each is a second
//! engine beside the ordinary one, so only `make prove-sandbox` does it. An engine that maps users
//! makes a user `dockremap` on the host.

use std::fs;

use serde_json::json;

use crate::{
    Test,
    host::{Host, docker, write},
    second::Second,
    world::{probes_itself, shown},
};

pub const TESTS: &[Test] = &[("root_inside_is_not_root_outside", root_is_mapped)];
pub const GVISOR: &[Test] = &[("gvisor_runs_a_preview", gvisor_runs)];

const IMAGE: &str = "codemate/python:3.11";

fn settings(sandbox: &str) -> String {
    format!(
        "image = \"{IMAGE}\"\nport = 8000\n[run]\ncommand = [\"python\", \"main.py\"]\n[sandbox]\n{sandbox}\n"
    )
}

/// Whose the first process is, outside.
fn uid_of(pid: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("Uid:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

fn root_is_mapped() {
    let second = Second::start(&json!({ "userns-remap": "default" }));
    second.load(IMAGE);
    second.load("codemate/net:1");
    let mut mapped = Host::new();
    mapped.env.push(("DOCKER_HOST", second.host()));
    let plain = Host::new();
    let mut uids = Vec::new();
    for host in [&mapped, &plain] {
        write(
            &host.config().join("config.toml"),
            "[sandbox]\nallow_root = true\n",
        );
        let url = host
            .up(&probes_itself(host, &settings("root = true")))
            .url();
        let row = shown(&url);
        let row = row
            .lines()
            .find(|row| row.contains("\tuids are the host's\t"))
            .unwrap()
            .to_owned();
        let own = host.run(&["exec", "probes", "--", "id", "-u"]).ok().stdout;
        assert_eq!(own.trim(), "0");
        uids.push(row.starts_with("open"));
    }
    // The second is the control: there root inside is root outside, for all that it may do.
    assert_eq!(uids, [false, true]);
    let pid = |inspect: String| inspect.trim().to_owned();
    let container = second.docker(&[
        "ps",
        "-q",
        "--filter",
        "label=dev.codemate.preview.role=app",
    ]);
    let outside = uid_of(&pid(second.docker(&[
        "inspect",
        "-f",
        "{{.State.Pid}}",
        &container,
    ])));
    let of_plain = docker(&["inspect", "-f", "{{.State.Pid}}", &plain.container()]).concat();
    println!(
        "root inside is {outside} outside, and {} where users are not mapped",
        uid_of(&of_plain)
    );
    assert!(outside.parse::<u32>().unwrap() >= 65536, "{outside}");
    assert_eq!(uid_of(&of_plain), "0");
    drop(mapped);
}

fn gvisor_runs() {
    let arguments = ["--platform=ptrace", "--network=none"];
    let runsc = json!({ "path": "runsc", "runtimeArgs": arguments });
    let second = Second::start(&json!({ "runtimes": { "runsc": runsc } }));
    second.load(IMAGE);
    second.load("codemate/net:1");
    let mut host = Host::new();
    host.env.push(("DOCKER_HOST", second.host()));
    write(
        &host.config().join("config.toml"),
        "[sandbox]\nruntimes = [\"runsc\"]\n",
    );
    host.up(&probes_itself(&host, &settings("runtime = \"runsc\"")))
        .url();
    let told = host.run(&["exec", "probes", "--", "dmesg"]).ok().stdout;
    assert!(told.contains("gVisor"), "{told}");
    drop(host);
}
