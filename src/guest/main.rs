//! The guest: the first process of an instance's container.
//!
//! `guest init` is the process itself: it keeps the files, runs the app, watches its ports and
//! relays connections. `guest link` is how the agent reaches it, `guest at` begins a command in a
//! directory. Std only, nothing needed from the image it runs in, and one thread, but for one that
//! reads the kernel's long tables.
//!
//! Elsewhere the same program holds packet filters: `guest net` that of one preview's network
//! namespace, `guest warden` that of the host. Those need `nft` in their image.

mod app;
mod at;
mod background;
mod beneath;
mod bridge;
mod conn;
mod cpu;
mod files;
mod filter;
mod glance;
mod init;
mod journal;
mod lines;
mod listeners;
mod listening;
mod memory;
mod net;
mod nft;
mod output;
mod pace;
mod probe;
mod process;
mod relay;
mod rules;
mod run;
mod serve;
mod sys;
mod sys_caps;
mod sys_netfilter;
mod sys_probe;
mod turn;
mod upload;
mod usage;
mod warden;
mod wire;

use std::{io, path::PathBuf, process::ExitCode};

const USAGE: &str = "usage: guest init [--home DIR] [--socket PATH] | guest link [--socket PATH] | guest at DIR COMMAND... | guest net | guest warden | guest filter | guest probe";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    if command.as_deref() == Some("probe") {
        return ended(probe::run(args));
    }
    if command.as_deref() == Some("at") {
        return at::run(std::env::args_os().skip(2));
    }
    let mut home = PathBuf::from("/home/app");
    let mut socket = PathBuf::from("/run/codemate.sock");
    while let Some(option) = args.next() {
        match (option.as_str(), args.next()) {
            ("--home", Some(value)) => home = value.into(),
            ("--socket", Some(value)) => socket = value.into(),
            _ => return misused(),
        }
    }
    let result: io::Result<()> = match command.as_deref() {
        Some("init") => init::Init::new(&home, &socket).and_then(|mut init| init.live()),
        Some("link") => bridge::run(&socket),
        Some("filter") => filter::prepare().and_then(filter::Prepared::start).map(|()| wait()),
        Some("net") => net::run(),
        Some("warden") => warden::run(),
        _ => return misused(),
    };
    ended(result)
}

fn ended(result: io::Result<()>) -> ExitCode {
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

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
