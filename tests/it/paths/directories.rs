//! Working directories: the engine enters none that the app has made (CVE-2024-21626).

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use super::{guest::GUEST, tars::sources};

#[test]
fn the_engine_is_told_of_no_directory_but_the_root() {
    let told = |text: &str| {
        let all = text
            .match_indices("working_dir: Some(")
            .map(|(at, found)| text[at + found.len()..].starts_with("\"/\".to_owned())"));
        all.collect::<Vec<bool>>()
    };
    let all: Vec<bool> = sources().iter().flat_map(|(_, text)| told(text)).collect();
    assert!(
        all.len() >= 3 && all.iter().all(|is_root| *is_root),
        "{all:?}"
    );
    assert_eq!(told("working_dir: Some(command.cwd),"), [false]);
}

#[test]
fn a_command_begins_where_it_should_and_fails_as_a_shell_does() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, dir.path().join("link")).unwrap();
    fs::write(real.join("not-a-program"), "").unwrap();
    let at = |dir: &Path, argv: &[&str]| {
        let output = Command::new(GUEST)
            .arg("at")
            .arg(dir)
            .args(argv)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text.trim_end().to_owned())
    };
    let said = real.to_str().unwrap().to_owned();
    assert_eq!(at(&real, &["pwd", "-P"]), (0, said.clone()));
    assert_eq!(at(&dir.path().join("link"), &["pwd", "-P"]), (0, said));
    assert_eq!(at(&real, &["sh", "-c", "exit 42"]).0, 42);
    assert_eq!(
        at(&real, &["sh", "-c", "echo \"$0 $1\"", "a b", "--home"]).1,
        "a b --home"
    );
    assert_eq!(at(&real, &["./not-a-program"]).0, 126);
    assert_eq!(at(&real, &["no-such-program"]).0, 127);
    // `exec` says by this code that the command was never tried.
    assert_eq!(at(&dir.path().join("gone"), &["pwd"]).0, 125);
    assert_eq!(at(&real, &[]).0, 2);
}
