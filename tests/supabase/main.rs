//! Supabase's parts as far as they can be had: a real PostgreSQL, a real PostgREST, and a gateway
//! that stands for Supabase's own.
//!
//! Where those are not installed (see `tests/supabase/setup`) each test is reported as ignored, by
//! name, never as passed; `CODEMATE_PREVIEW_TEST_SUPABASE=required` makes that a failure, `none`
//! skips them unasked.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by a variable what must be there"
)]

mod faults;
mod follows;
mod gate;
mod keys;
mod mirrors;
mod pulls;
mod rig;
mod shapes;
mod sights;
mod stress;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let absent = !rig::is_here();
    let all = [
        ("faults", faults::TESTS),
        ("follows", follows::TESTS),
        ("keys", keys::TESTS),
        ("mirrors", mirrors::TESTS),
        ("pulls", pulls::TESTS),
        ("shapes", shapes::TESTS),
        ("sights", sights::TESTS),
        ("stress", stress::TESTS),
    ];
    let trials = all
        .into_iter()
        .flat_map(|(room, tests)| tests.iter().map(move |test| (room, *test)))
        .map(|(room, (name, test))| {
            Trial::test(format!("{room}::{name}"), move || {
                test();
                Ok(())
            })
            .with_ignored_flag(absent)
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    rig::stop();
    conclusion.exit();
}

/// What one test is called, and the test.
type Test = (&'static str, fn());
