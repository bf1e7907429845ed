//! The guest: the first process of an instance's container.
//!
//! `guest init` is the process itself: it keeps the files, runs the app, watches its ports and
//! relays connections. `guest link` is how the agent reaches it, `guest at` begins a command in a
//! directory. Std only, nothing needed from the image it runs in, and one thread, but for one that
//! reads the kernel's long tables.
//!
//! Elsewhere the same program holds packet filters: `guest net` that of one preview's network
//! namespace, `guest warden` that of the host. Those need `nft` in their image.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the engine reads what a container's first process prints"
)]

mod bridge_gateway;
mod exec_in_dir;
mod filter;
mod firewall;
mod init;
mod link;
mod ports;
mod selftest;
mod sys;
mod workspace;

use std::{io, path::PathBuf, process::ExitCode};

const USAGE: &str = "usage: guest init [--home DIR] [--socket PATH] | guest link [--socket PATH] | guest at DIR COMMAND... | guest net | guest warden | guest filter | guest probe";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    if command.as_deref() == Some("probe") {
        return exit_code(crate::selftest::run(args));
    }
    if command.as_deref() == Some("at") {
        return crate::exec_in_dir::run(std::env::args_os().skip(2));
    }
    let mut home = PathBuf::from("/home/app");
    let mut socket = PathBuf::from("/run/codemate.sock");
    while let Some(option) = args.next() {
        match (option.as_str(), args.next()) {
            ("--home", Some(value)) => home = value.into(),
            ("--socket", Some(value)) => socket = value.into(),
            _ => return usage_error(),
        }
    }
    let result: io::Result<()> = match command.as_deref() {
        Some("init") => init::Init::new(&home, &socket).and_then(|mut init| init.run_loop()),
        Some("link") => crate::link::run(&socket),
        Some("filter") => filter::prepare()
            .and_then(filter::PreparedFilter::start)
            .map(|()| wait()),
        Some("net") => crate::firewall::preview::run(),
        Some("warden") => crate::firewall::host::run(),
        _ => return usage_error(),
    };
    exit_code(result)
}

fn exit_code(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guest: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The filter alone, as an ordinary process; it ends with whoever started it.
fn wait() {
    println!("ready");
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

fn usage_error() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
