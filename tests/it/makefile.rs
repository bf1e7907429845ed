//! What the Makefile says before it works.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// `make` for somebody who has no terminal, and as if no other `make` had begun this one.
fn command(flag: &str, target: &str) -> Command {
    let mut make = Command::new("make");
    make.args([flag, "--no-print-directory", target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    for name in ["YES", "CI", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        make.env_remove(name);
    }
    make
}

/// The lines of one target.
fn make(target: &str, allowed: Option<&str>) -> String {
    let mut make = command("--silent", target);
    if let Some(name) = allowed {
        make.env(name, "1");
    }
    let output = make.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn without_a_terminal_the_tests_say_what_they_install_and_how_to_allow_it() {
    let first = make("notice", None);
    assert!(
        first.contains("installs") && first.contains("apt"),
        "{first}"
    );
    assert!(
        first.contains("YES=1 or CI=1") && first.lines().count() == 1,
        "{first}"
    );
    for allowed in ["YES", "CI"] {
        assert_eq!(make("notice", Some(allowed)), "");
    }
    // It is the first thing that `make test` does.
    let planned = command("--dry-run", "test").output().unwrap();
    let planned = String::from_utf8(planned.stdout).unwrap();
    let notice = planned.lines().next().unwrap_or_default();
    assert!(notice.contains("YES"), "{planned}");
}

#[test]
fn help_names_every_target_by_what_it_is_for() {
    let help = make("help", None);
    let (mut sections, mut helped) = (Vec::new(), Vec::new());
    for line in help.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("  ") {
            None => sections.push(line),
            Some(target) => {
                let (name, text) = target.split_once(' ').unwrap();
                assert!(text.trim().ends_with('.'), "{line}");
                helped.push(name);
            }
        }
    }
    assert_eq!(sections, ["Use", "Test", "Prove", "Measure"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile");
    let makefile = fs::read_to_string(path).unwrap().replace("\\\n", " ");
    let phony = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY:"))
        .unwrap();
    let mut targets: Vec<&str> = phony.split_whitespace().collect();
    // It is a line of `test` and nothing that anybody asks for.
    targets.retain(|target| *target != "notice");
    targets.sort_unstable();
    helped.sort_unstable();
    assert_eq!(helped, targets);
}
