//! The main job on the real Docker: the binary as a user runs it, real projects, real installs.
//!
//! Where no engine answers each of these is reported as ignored, never as passed;
//! `CODEMATE_PREVIEW_TEST_DOCKER=required` makes that a failure, `none` skips them unasked. So it is
//! with `CODEMATE_PREVIEW_TEST_BROWSER=required` and those that need a browser.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by variables what must be there"
)]

mod browser;
mod commands;
mod crash;
mod edge;
mod edits;
mod exits;
mod frameworks;
mod guest_alone;
mod host;
mod hostile;
mod up;
mod web;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let docker = host::docker_is_here();
    let browser = docker && browser::is_here();
    let all = [
        (up::TESTS, docker),
        (exits::TESTS, docker),
        (edits::TESTS, docker),
        (crash::TESTS, docker),
        (hostile::TESTS, docker),
        (commands::TESTS, docker),
        (guest_alone::TESTS, docker),
        (frameworks::TESTS, browser),
    ];
    let trials = all
        .into_iter()
        .flat_map(|(tests, here)| tests.iter().map(move |test| (test, here)))
        .map(|((name, test), here)| {
            Trial::test(*name, move || {
                test();
                Ok(())
            })
            .with_ignored_flag(!here)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// What one test is called, and the test.
type Test = (&'static str, fn());
