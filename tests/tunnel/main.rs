//! Tunnels against real counterparts on this host: programs, servers, protocols.
//!
//! A test whose counterpart is not installed is reported as ignored, by name, never as passed;
//! `CODEMATE_PREVIEW_TEST_TUNNELS=required` makes that a failure. A test that takes what its user
//! has to name is ignored until it is named, whatever is required.

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
mod cloudflare_edge;
mod cloudflare_faults;
mod cloudflared;
mod cloudflared_real;
mod command;
mod edge;
mod front;
#[expect(dead_code, reason = "the tests on Docker use the rest of it")]
#[path = "../docker/host.rs"]
mod host;
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
mod visitor;
mod world;

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
        ("cloudflare_edge", cloudflare_edge::TESTS),
        ("cloudflared", cloudflared::TESTS),
        ("cloudflared_real", cloudflared_real::TESTS),
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
            let unasked = !(test.asked)();
            let run = test.run;
            Trial::test(format!("{room}::{}", test.name), move || {
                if unasked {
                    return Err("what it takes is not named".into());
                }
                if absent {
                    return Err("what it needs is not here, and is required".into());
                }
                run();
                Ok(())
            })
            .with_ignored_flag(unasked || absent && !required)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// One test, and whether what it needs from outside is here.
struct Test {
    name: &'static str,
    needs: fn() -> bool,
    /// Whether its user has it run.
    asked: fn() -> bool,
    run: fn(),
}

impl Test {
    const fn new(name: &'static str, run: fn()) -> Self {
        Self {
            name,
            needs: || true,
            asked: || true,
            run,
        }
    }

    const fn needs(self, needs: fn() -> bool) -> Self {
        Self { needs, ..self }
    }

    /// Only then run it; `required` does not ask for it.
    const fn opt_in(self, asked: fn() -> bool) -> Self {
        Self { asked, ..self }
    }
}
