//! The main job on the real Docker: the binary as a user runs it, real projects, real installs.
//!
//! Where no engine answers each of these is reported as ignored, never as passed;
//! `CODEMATE_PREVIEW_TEST_DOCKER=required` makes that a failure, `none` skips them unasked.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by a variable whether Docker must be there"
)]

mod commands;
mod crash;
mod edits;
mod exits;
mod guest_alone;
mod host;
mod hostile;
mod up;
mod web;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let ignored = !host::docker_is_here();
    let all = [
        up::TESTS,
        exits::TESTS,
        edits::TESTS,
        crash::TESTS,
        hostile::TESTS,
        commands::TESTS,
        guest_alone::TESTS,
    ];
    let trials = all
        .into_iter()
        .flatten()
        .map(|(name, test)| {
            Trial::test(*name, move || {
                test();
                Ok(())
            })
            .with_ignored_flag(ignored)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// What one test is called, and the test.
type Test = (&'static str, fn());
