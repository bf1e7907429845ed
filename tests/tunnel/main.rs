//! Tunnels against real counterparts on this host: programs, servers, protocols.
//!
//! A test whose counterpart is not installed is reported as ignored, by name, never as passed;
//! `CODEMATE_PREVIEW_TEST_TUNNELS=required` makes that a failure. The tests with a real `cloudflared`
//! are a package of their own, `tests/cloudflared`.

#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by variables what must be there"
)]

mod bore;
mod cloudflare;
mod cloudflare_api;
mod cloudflare_faults;
mod cloudflared;
mod command;
mod front;
#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/host.rs"]
mod host;
mod identity;
mod killed;
mod named_host;
mod named_program;
mod ngrok;
mod ngrok_edge;
mod ngrok_loss;
mod program;
mod programs;
mod rig;
mod ssh;
mod stub;
mod verify;
mod world;

use std::path::PathBuf;

use libtest_mimic::{Arguments, Trial};

fn main() {
    // Run as one of the programs that tunnels start.
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("--as") {
        let name = args.next().unwrap_or_default();
        programs::run(&name, &args.collect::<Vec<_>>());
        return;
    }
    let arguments = Arguments::from_args();
    let required = std::env::var("CODEMATE_PREVIEW_TEST_TUNNELS").as_deref() == Ok("required");
    let all = [
        ("bore", bore::TESTS),
        ("cloudflare", cloudflare::TESTS),
        ("cloudflare", cloudflare_faults::TESTS),
        ("cloudflared", cloudflared::TESTS),
        ("command", command::TESTS),
        ("ngrok", ngrok::TESTS),
        ("ngrok", ngrok_loss::TESTS),
        ("program", program::TESTS),
        ("killed", killed::TESTS),
        ("ssh", ssh::TESTS),
        ("verify", verify::TESTS),
    ];
    let trials = all
        .into_iter()
        .flat_map(|(room, tests)| tests.iter().map(move |test| (room, test)))
        .map(|(room, test)| {
            let absent = !(test.needs)();
            let run = test.run;
            Trial::test(format!("{room}::{}", test.name), move || {
                if absent {
                    return Err("what it needs is not here, and is required".into());
                }
                run();
                Ok(())
            })
            .with_ignored_flag(absent && !required)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// What the agent starts programs through.
fn tether() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_codemate-preview"))
}

/// One test, and whether what it needs from outside is here.
struct Test {
    name: &'static str,
    needs: fn() -> bool,
    run: fn(),
}

impl Test {
    const fn new(name: &'static str, run: fn()) -> Self {
        Self {
            name,
            needs: || true,
            run,
        }
    }

    const fn needs(self, needs: fn() -> bool) -> Self {
        Self { needs, ..self }
    }
}
