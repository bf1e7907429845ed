//! The floor plan, kept by a test: a room imports the rooms named beside it and no other, and no
//! file grows past what one can hold in mind.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Lower floors first. A room may import only rooms above it in this list, and of those only these.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("task", &[]),
    ("api", &["model"]),
    ("config", &["model"]),
    ("security", &["model"]),
    ("store", &["model"]),
    ("engine", &["model", "security", "task"]),
    ("project", &["model", "config"]),
    ("source", &["model", "config", "task"]),
    ("gateway", &["model", "config", "security", "task"]),
    ("tunnel", &["model", "config", "store", "task"]),
    ("sync", &["model", "task", "engine", "source"]),
    (
        "lifecycle",
        &[
            "model", "config", "security", "store", "task", "engine", "project", "source",
            "gateway", "tunnel", "sync",
        ],
    ),
    ("client", &["model", "api", "config"]),
    (
        "agent",
        &[
            "model",
            "api",
            "config",
            "security",
            "store",
            "task",
            "engine",
            "source",
            "gateway",
            "tunnel",
            "sync",
            "lifecycle",
        ],
    ),
    ("cli", &["model", "api", "config", "client"]),
];

/// One file, one further room, for one reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // `agent run` is the agent.
    ("cli/agent.rs", "agent"),
    // What the agent starts tunnels' programs through is this binary.
    ("cli/tether.rs", "tunnel"),
];

/// A program of its own, built by `build.rs`: it imports no room.
const GUEST: &str = "guest/";
const LONGEST: usize = 400;

#[test]
fn every_import_goes_down() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|file| complaints(file, &code_of(file)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_way_up() {
    for (floor, (room, allowed)) in FLOORS.iter().enumerate() {
        for other in *allowed {
            let below = FLOORS[..floor].iter().any(|(name, _)| name == other);
            assert!(
                below,
                "`{room}` may import `{other}`, which is not below it"
            );
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|file| (code_of(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST)
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn every_file_says_its_subject_first() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|file| !text_of(file).starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "no `//!` line first: {silent:?}");
}

/// The control: each kind of violation is one the test would see.
#[test]
fn violations_are_seen() {
    let wrong = [
        ("model/x.rs", "use crate::engine::Engine;"),
        (
            "engine/x.rs",
            "use crate::{model::Plan, lifecycle::Manager};",
        ),
        ("gateway/x.rs", "fn f() { crate::store::Store::open() }"),
        ("attic/x.rs", ""),
        ("engine/docker/x.rs", "use super::super::Engine;"),
        ("guest/x.rs", "use crate::model::Plan;"),
        ("cli/up.rs", "use crate::agent::run;"),
    ];
    for (file, code) in wrong {
        assert!(!complaints(file, code).is_empty(), "{file}: {code}");
    }
    assert!(complaints("cli/agent.rs", "use crate::agent::run;").is_empty());
}

fn complaints(file: &str, code: &str) -> Vec<String> {
    let Some((room, _)) = file.split_once('/') else {
        return Vec::new();
    };
    if file.starts_with(GUEST) {
        return rooms_named_in(code)
            .iter()
            .filter(|other| FLOORS.iter().any(|(name, _)| name == other))
            .map(|other| format!("{file} imports `{other}`"))
            .collect();
    }
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{file}: `{room}` is on no floor")];
    };
    let mut wrong: Vec<String> = rooms_named_in(code)
        .into_iter()
        .filter(|other| {
            let known = FLOORS.iter().any(|(name, _)| name == other);
            let excepted = EXCEPTIONS.contains(&(file, other.as_str()));
            known && other != room && !allowed.contains(&other.as_str()) && !excepted
        })
        .map(|other| format!("{file} imports `{other}`"))
        .collect();
    if code.contains("super::super::") {
        wrong.push(format!("{file} leaves its room by `super`; say `crate::`"));
    }
    wrong
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file under `src`, as `room/file.rs`.
fn sources() -> Vec<String> {
    fn walk(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let inside = path.strip_prefix(src()).unwrap();
                found.push(inside.to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&src(), &mut found);
    assert!(!found.is_empty());
    found
}

fn text_of(file: &str) -> String {
    fs::read_to_string(src().join(file)).unwrap()
}

/// The text of a file without its comments and its unit tests.
fn code_of(file: &str) -> String {
    let text = text_of(file);
    let code = text
        .split("\n#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let bare = |line: &str| {
        if line.trim_start().starts_with("//") {
            String::new()
        } else {
            line.to_owned()
        }
    };
    code.lines().map(bare).collect::<Vec<_>>().join("\n")
}

/// The names that follow `crate::`, alone or first in each arm of `crate::{…}`.
fn rooms_named_in(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => {
                names.insert(first_word(after));
            }
            Some(group) => names.extend(arms(group).iter().map(|arm| first_word(arm))),
        }
    }
    names
}

/// The arms of a `{…}` group whose opening brace is gone, cut at its own commas only.
fn arms(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut arms = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                arms.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        arms.last_mut().unwrap().push(c);
    }
    arms
}

fn first_word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
