//! Tunnels of a real `cloudflared`, against an API and an edge on this host. `make prove-cloudflared`
//! runs them.
//!
//! They are a package of their own, outside the default members, since the edge takes Cap'n Proto and
//! `capnp` to build. `CODEMATE_CLOUDFLARED` names the program. It looks names up when it starts
//! (features, the edge's preferred protocol), so give it a network of its own if nothing may leave
//! this host.
#![expect(
    clippy::disallowed_types,
    reason = "a limit on waiting is wall-clock time"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are told by variables what to run"
)]

#[expect(dead_code, reason = "the tests with stand-ins use the rest of it")]
#[path = "../tunnel/cloudflare_api.rs"]
mod cloudflare_api;
mod edge;
#[path = "../tunnel/identity.rs"]
mod identity;
#[expect(dead_code, reason = "the tests with stand-ins use the rest of it")]
#[path = "../tunnel/rig.rs"]
mod rig;
mod tunnels;
mod visitor;
#[expect(dead_code, reason = "the tests with stand-ins use the rest of it")]
#[path = "../tunnel/world.rs"]
mod world;

capnp::generated_code!(mod registration_capnp);

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use codemate_preview::{cli, config::Env};
use libtest_mimic::{Arguments, Trial};

const VARIABLE: &str = "CODEMATE_CLOUDFLARED";

fn main() -> ExitCode {
    // Run as what the agent starts programs through.
    if std::env::args().nth(1).as_deref() == Some("tether") {
        return cli::main(Env::capture());
    }
    let tests: [(&str, fn(&Path)); 2] = [("quick", tunnels::quick), ("named", tunnels::named)];
    let trials = tests
        .into_iter()
        .map(|(name, run)| {
            Trial::test(name, move || {
                run(&program()?);
                Ok(())
            })
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The program that is tried. Nothing is passed over for want of it: who runs this wants it tried.
fn program() -> Result<PathBuf, String> {
    let path = std::env::var_os(VARIABLE).unwrap_or_default();
    std::fs::canonicalize(&path).map_err(|error| format!("{VARIABLE} names no program: {error}"))
}

fn tether() -> PathBuf {
    std::env::current_exe().unwrap()
}
