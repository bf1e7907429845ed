//! Small projects as other people write them, each brought up fresh by the real binary on the real
//! Docker, and what a user sees then: `*.toml` beside this file, in the shape that `table` reads.
//!
//! Those with `core = true` run by default; all of them with `CODEMATE_PREVIEW_TEST_PROJECTS=all`.
//! What does not run is reported as ignored, by name, never as passed. The tables themselves are
//! checked without Docker.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by variables what must be there"
)]

#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/host.rs"]
mod host;
mod run;
mod shown;
mod table;
mod tree;
mod visit;

use std::sync::Arc;

use host::Host;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let docker = host::docker_is_here();
    let all = std::env::var("CODEMATE_PREVIEW_TEST_PROJECTS").is_ok_and(|asked| asked == "all");
    let projects = table::all();
    let mut trials = checks(&projects);
    // One agent for all of them, as a user has one.
    let host = Arc::new(Host::new());
    for (file, project) in projects {
        let here = docker && (all || project.core);
        let host = Arc::clone(&host);
        let name = format!("{file}::{}", project.name);
        let trial = Trial::test(name, move || {
            run::run(&host, &project).map_err(Failed::from)
        });
        trials.push(trial.with_ignored_flag(!here));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // It sees whether anything was left behind.
    drop(host);
    conclusion.exit();
}

/// What must be so of the tables, with or without Docker.
fn checks(projects: &[(String, table::Project)]) -> Vec<Trial> {
    let named = table::wrong(projects);
    let shown = shown::wrong(projects);
    let mut trials = vec![
        Trial::test("tables::are_sound", move || none(&named)),
        Trial::test("tables::show_every_report", move || none(&shown)),
    ];
    for (name, test) in table::TESTS.iter().chain(shown::TESTS) {
        trials.push(Trial::test(*name, move || {
            test();
            Ok(())
        }));
    }
    trials
}

fn none(wrong: &[String]) -> Result<(), Failed> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failed::from(wrong.join("\n")))
}

/// What one test is called, and the test.
type Test = (&'static str, fn());
