//! Exit codes: each that a preview on this host can end with, from the real cause, with nothing on
//! standard output and nothing left running.

use std::{path::Path, process::Command};

use crate::{
    Test,
    host::{Host, Ran, until},
};

pub const TESTS: &[Test] = &[
    ("exits::bad_usage_is_2", bad_usage_is_2),
    ("exits::not_found_is_3", not_found_is_3),
    ("exits::no_engine_is_5", no_engine_is_5),
    ("exits::nothing_recognised_is_6", nothing_recognised_is_6),
    (
        "exits::a_tie_is_6_with_its_candidates",
        a_tie_is_6_with_its_candidates,
    ),
    ("exits::a_bad_settings_file_is_6", a_bad_settings_file_is_6),
    (
        "exits::an_unavailable_version_is_6",
        an_unavailable_version_is_6,
    ),
    ("exits::a_file_too_large_is_7", a_file_too_large_is_7),
    ("exits::a_failed_install_is_8", a_failed_install_is_8),
    ("exits::an_app_that_exits_is_9", an_app_that_exits_is_9),
    (
        "exits::out_of_memory_is_9_and_named",
        out_of_memory_is_9_and_named,
    ),
    ("exits::nothing_listening_is_10", nothing_listening_is_10),
    ("exits::too_much_asked_is_12", too_much_asked_is_12),
    ("exits::interrupted_is_130", interrupted_is_130),
    ("exits::terminated_is_143", terminated_is_143),
    (
        "exits::an_image_that_cannot_be_had_is_5",
        an_image_that_cannot_be_had_is_5,
    ),
    (
        "exits::exec_passes_the_commands_own",
        exec_passes_the_commands_own,
    ),
];

/// It failed with this code, said so on stderr alone, and left nothing running.
#[track_caller]
fn fails(host: &Host, ran: &Ran, code: i32, said: &str) {
    assert_eq!(ran.code, code, "{ran:#?}");
    assert_eq!(ran.stdout, "", "{ran:#?}");
    assert!(ran.stderr.contains(said), "{said:?} is not said: {ran:#?}");
    until("nothing to be left", || {
        host.owned().is_empty().then_some(())
    });
}

#[track_caller]
fn up_fails(files: &[(&str, &str)], code: i32, said: &str) {
    let host = Host::new();
    let project = host.project("wrong", files);
    let ran = host.up(&project);
    fails(&host, &ran, code, said);
}

fn bad_usage_is_2() {
    let host = Host::new();
    fails(
        &host,
        &host.run(&["up", "--no-such-flag"]),
        2,
        "--no-such-flag",
    );
    let file = host.project("p", &[("a.txt", "")]).join("a.txt");
    fails(&host, &host.up(&file), 2, "not a directory");
    fails(
        &host,
        &host.up(Path::new("/no/such/directory")),
        2,
        "/no/such/directory",
    );
}

fn not_found_is_3() {
    let host = Host::new();
    for command in ["url", "status", "logs", "down", "restart", "wait"] {
        fails(&host, &host.run(&[command, "nobody"]), 3, "nobody");
    }
}

fn no_engine_is_5() {
    let mut host = Host::new();
    let project = host.copy_of("script-python");
    host.env
        .push(("DOCKER_HOST", "unix:///nonexistent/docker.sock".to_owned()));
    fails(&host, &host.up(&project), 5, "no Docker engine answers");
}

fn nothing_recognised_is_6() {
    up_fails(&[("notes.txt", "nothing to run")], 6, "");
    let host = Host::new();
    let empty = host.project("empty", &[]);
    fails(&host, &host.up(&empty), 6, "no files");
}

fn a_tie_is_6_with_its_candidates() {
    let host = Host::new();
    let ran = host.up(&host.copy_of("ambiguous"));
    fails(&host, &ran, 6, "template");
}

fn a_bad_settings_file_is_6() {
    let files = [
        ("main.py", "print()"),
        ("codemate-preview.toml", "prot = 80\n"),
    ];
    up_fails(&files, 6, "port");
}

fn an_unavailable_version_is_6() {
    up_fails(
        &[
            ("main.py", "print()"),
            (
                "pyproject.toml",
                "[project]\nname = 'x'\nversion = '1'\nrequires-python = '<3'\n",
            ),
        ],
        6,
        "<3",
    );
}

fn a_file_too_large_is_7() {
    let host = Host::new();
    let project = host.project("large", &[("main.py", "print()")]);
    let large = std::fs::File::create(project.join("data.bin")).unwrap();
    large.set_len(5 << 30).unwrap();
    fails(&host, &host.up(&project), 7, "data.bin");
}

fn a_failed_install_is_8() {
    let wanted = "no-such-package-on-any-index-4711\n";
    up_fails(
        &[
            ("app.py", "from flask import Flask\napp = Flask(__name__)\n"),
            ("requirements.txt", &format!("flask\n{wanted}")),
        ],
        8,
        wanted.trim(),
    );
}

fn an_app_that_exits_is_9() {
    let text = "import sys\nprint('about to go')\nsys.exit(3)\n";
    up_fails(&[("main.py", text)], 9, "about to go");
    up_fails(&[("main.py", "print('done')\n")], 9, "code 0");
}

fn out_of_memory_is_9_and_named() {
    let host = Host::new();
    let text = "held = []\nwhile True:\n    held.append(bytearray(1 << 20))\n";
    let project = host.project("greedy", &[("main.py", text)]);
    let ran = host.run(&["up", project.to_str().unwrap(), "--memory", "64MiB"]);
    fails(&host, &ran, 9, "out of memory");
    assert!(ran.stderr.contains("64 MiB"), "{ran:#?}");
}

fn nothing_listening_is_10() {
    let settings = "[ready]\ntimeout = \"2s\"\n";
    let text = "import time\ntime.sleep(600)\n";
    up_fails(
        &[("main.py", text), ("codemate-preview.toml", settings)],
        10,
        "listens on no port",
    );
}

fn too_much_asked_is_12() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let ran = host.run(&["up", project.to_str().unwrap(), "--cpus", "4096"]);
    fails(&host, &ran, 12, "4096");
}

const SLEEPS: &[(&str, &str)] = &[("main.py", "import time\ntime.sleep(600)\n")];

fn signalled(signal: &str, code: i32) {
    let host = Host::new();
    let project = host.project("slow", SLEEPS);
    let up = host.spawn(&["up", project.to_str().unwrap()]);
    until("a container", || (host.owned().len() > 1).then_some(()));
    Command::new("kill")
        .args([signal, &up.id().to_string()])
        .status()
        .unwrap();
    let output = up.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    until("nothing to be left", || {
        host.owned().is_empty().then_some(())
    });
}

fn interrupted_is_130() {
    signalled("-INT", 130);
}

fn terminated_is_143() {
    signalled("-TERM", 143);
}

fn an_image_that_cannot_be_had_is_5() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let image = "codemate-test/no-such-image:1";
    let ran = host.run(&["up", project.to_str().unwrap(), "--image", image]);
    fails(&host, &ran, 5, image);
}

fn exec_passes_the_commands_own() {
    let host = Host::new();
    let project = host.copy_of("script-python");
    let path = project.to_str().unwrap();
    host.up(&project).url();
    assert_eq!(
        host.run(&["exec", path, "--", "sh", "-c", "exit 42"]).code,
        42
    );
    assert_eq!(
        host.run(&["exec", path, "--", "echo", "here"]).ok().stdout,
        "here\n"
    );
    let missing = host.run(&["exec", path, "--", "no-such-program"]);
    assert_eq!(missing.code, 127, "{missing:#?}");
    assert!(missing.stderr.contains("no-such-program"), "{missing:#?}");
    assert_eq!(host.run(&["exec", path, "--", "/etc"]).code, 126);
    assert_eq!(host.run(&["exec", "nobody", "--", "true"]).code, 125);
}
