//! `guest at`: become a program in a directory that the app may have made what it likes.
//!
//! The engine is never told of that directory. A runtime that enters it before its own descriptors
//! are closed can be led out to the host by a link into `/proc/self/fd` (CVE-2024-21626).

use std::{
    env,
    io::{self, ErrorKind},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

/// Returns only on failure, with the code a shell would end with.
pub fn run(mut args: impl Iterator<Item = String>) -> Option<ExitCode> {
    let (dir, program) = (args.next()?, args.next()?);
    if let Err(error) = env::set_current_dir(&dir) {
        return Some(failed(&dir, &error));
    }
    let error = Command::new(&program).args(args).exec();
    Some(failed(&program, &error))
}

fn failed(what: &str, error: &io::Error) -> ExitCode {
    eprintln!("{what}: {error}");
    ExitCode::from(if error.kind() == ErrorKind::NotFound { 127 } else { 126 })
}
