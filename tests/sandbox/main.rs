//! What the sandbox and the doors hold back, tried from inside and from outside on the real Docker,
//! each beside a control that shows the attempt would be seen.
//!
//! Where no engine answers each of these is reported as ignored, by name, never as passed;
//! `CODEMATE_PREVIEW_TEST_DOCKER=required` makes that a failure, `none` skips them unasked. Nothing
//! here is sent to an address outside loopback, containers of the test's own, and namespaces it made.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by variables what must be there"
)]

mod canary;
mod disk;
#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/host.rs"]
mod host;
mod inspected;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let docker = host::docker_is_here();
    let all = [
        ("canary", canary::TESTS, docker),
        ("disk", disk::TESTS, docker),
        ("inspected", inspected::TESTS, docker),
    ];
    let trials = all
        .into_iter()
        .flat_map(|(group, tests, here)| tests.iter().map(move |test| (group, test, here)))
        .map(|(group, (name, test), here)| {
            Trial::test(format!("{group}::{name}"), move || {
                test();
                Ok(())
            })
            .with_ignored_flag(!here)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// What one test is called within its file, and the test.
type Test = (&'static str, fn());
