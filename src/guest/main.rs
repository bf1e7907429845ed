//! The guest: the first process of an instance's container.
//!
//! `guest init` is the process itself: it keeps the files, runs the app, watches its ports and
//! relays connections. `guest link` is how the agent reaches it. Std only, one thread, nothing
//! needed from the image it runs in.

mod app;
mod beneath;
mod bridge;
mod conn;
mod files;
mod init;
mod journal;
mod lines;
mod listeners;
mod memory;
mod output;
mod process;
mod relay;
mod run;
mod serve;
mod sys;
mod turn;
mod upload;
mod usage;
mod wire;

use std::{io, path::PathBuf, process::ExitCode};

const USAGE: &str = "usage: guest init [--home DIR] [--socket PATH] | guest link [--socket PATH]";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
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
        _ => return misused(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
