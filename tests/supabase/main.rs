//! Supabase's parts as far as they can be had: a real PostgreSQL, a real PostgREST, and a gateway
//! that stands for Supabase's own; for users and tokens `@supabase/lite`, and for Realtime a server
//! of our own, judged by Supabase's client.
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

mod door;
mod faults;
mod follows;
mod gate;
#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/host.rs"]
mod host;
mod judge;
mod kept;
mod keys;
mod listener;
mod lite;
mod lite_keys;
mod mirrors;
mod node;
mod phoenix;
mod pulls;
mod realtime;
mod rig;
mod session;
mod shapes;
mod sights;
mod stress;
mod tls;
mod told;
mod up;
#[path = "../docker/web.rs"]
mod web;
mod wire;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let (rig, node) = (rig::is_here(), node::is_here());
    let all: [(&str, &[Test], bool); 14] = [
        ("faults", faults::TESTS, rig),
        ("follows", follows::TESTS, rig),
        ("judge", judge::TESTS, node),
        ("keys", keys::TESTS, rig),
        ("lite_keys", lite_keys::TESTS, node),
        ("mirrors", mirrors::TESTS, rig),
        ("pulls", pulls::TESTS, rig),
        ("realtime", realtime::TESTS, true),
        ("session", session::TESTS, node),
        ("shapes", shapes::TESTS, rig),
        ("sights", sights::TESTS, rig),
        ("stress", stress::TESTS, rig),
        ("told", told::TESTS, rig && up::docker()),
        ("up", up::TESTS, rig && up::docker()),
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
    let conclusion = libtest_mimic::run(&arguments, trials);
    rig::stop();
    conclusion.exit();
}

/// What one test is called, and the test.
type Test = (&'static str, fn());
