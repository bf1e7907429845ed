//! What the sandbox and the doors hold back, tried from inside and from outside on the real Docker,
//! each beside a control that shows the attempt would be seen.
//!
//! Where no engine answers each of these is reported as ignored, by name, never as passed;
//! `CODEMATE_PREVIEW_TEST_DOCKER=required` makes that a failure, `none` skips them unasked. Nothing
//! here is sent to an address outside loopback, containers of the test's own, and namespaces it made.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(clippy::print_stdout, reason = "counts are part of what is found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by variables what must be there"
)]

mod abuse;
mod attacks;
#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/browser.rs"]
mod browser;
mod canary;
mod disk;
#[path = "../docker/edge.rs"]
mod edge;
mod egress;
mod escape;
mod first_instruction;
#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/host.rs"]
mod host;
mod inspected;
mod listed;
mod neighbourhood;
mod reach;
mod remapped;
mod second;
mod share;
mod stacks;
mod targets;
#[path = "../it/help/tcp_dial.rs"]
mod tcp_dial;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let docker = host::docker_is_here();
    // What takes minutes, an image of gigabytes or a second engine.
    let slow = docker && std::env::var_os("CODEMATE_PREVIEW_PROVE_SANDBOX").is_some();
    let second = slow && second::can_be();
    let apart = docker && neighbourhood::can_be();
    let two_cpus = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
    let all = [
        ("egress", egress::APART, apart),
        ("egress", egress::TESTS, docker),
        ("abuse", abuse::TESTS, docker),
        ("abuse", abuse::SPREAD, docker && two_cpus),
        ("attacks", attacks::TESTS, browser::is_here()),
        ("canary", canary::TESTS, docker),
        ("disk", disk::TESTS, docker),
        ("escape", escape::TESTS, docker),
        ("first_instruction", first_instruction::TESTS, apart),
        ("inspected", inspected::TESTS, docker),
        ("listed", listed::TESTS, docker),
        ("reach", reach::TESTS, apart),
        ("reach", reach::SHARED, docker),
        ("share", share::TESTS, docker),
        ("prove", stacks::TESTS, slow),
        ("prove", remapped::TESTS, second),
        ("prove", remapped::GVISOR, second && second::has("runsc")),
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
