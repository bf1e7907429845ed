//! Supabase against real parts on this host.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by a variable what must be there"
)]

mod judge;
mod lite;
mod node;
mod phoenix;
mod realtime;
mod session;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let all: [(&str, &[Test], bool); 3] = [
        ("judge", judge::TESTS, node::is_here()),
        ("realtime", realtime::TESTS, true),
        ("session", session::TESTS, node::is_here()),
    ];
    let trials = all
        .into_iter()
        .flat_map(|(room, tests, here)| tests.iter().map(move |test| (room, *test, here)))
        .map(|(room, (name, test), here)| {
            Trial::test(format!("{room}::{name}"), move || {
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
