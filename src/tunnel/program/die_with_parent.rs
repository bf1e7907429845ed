//! Parent-death guard: the short life of our own program between its start and becoming another, in
//! which it asks the kernel to end with its parent.
//!
//! The agent starts `codemate-preview tether <agent's pid> -- <program> <arguments>…` with one end
//! of a socket as standard input. The guard keeps that end until it becomes the program: its end
//! is closed by that, and an error is written to it if there is one. So the agent knows when the
//! program runs, and why it does not.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::{net::UnixStream, process::CommandExt as _},
    process::{Command, ExitCode, Stdio},
};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// What a shell says of a program that cannot be run.
const CANNOT_RUN: u8 = 127;

/// Become the program `argv`, to be killed when the thread that started us ends; returns only if
/// that cannot be.
///
/// The kernel forgets such a request when a program with privileges of its own is executed, and
/// tunnels have none.
pub fn die_with_parent(parent: i32, argv: &[OsString]) -> ExitCode {
    // Not standard input itself, for the program gets another and this one has to close.
    let status = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3);
    let error = become_program(parent, argv);
    if let Ok(status) = status {
        let number = error.raw_os_error().unwrap_or_default();
        let _ = File::from(status).write_all(&number.to_ne_bytes());
    }
    ExitCode::from(CANNOT_RUN)
}

fn become_program(parent: i32, argv: &[OsString]) -> io::Error {
    let Some((program, arguments)) = argv.split_first() else {
        return io::ErrorKind::InvalidInput.into();
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have ended before the request was made.
    if getppid().map(Pid::as_raw_pid) != Some(parent) {
        return io::ErrorKind::NotFound.into();
    }
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .exec()
}

/// What the guard reports at the other end of its socket: nothing once it is the program.
pub(super) fn listen(mut status: UnixStream) -> io::Result<()> {
    let mut said = Vec::new();
    status.read_to_end(&mut said)?;
    match <[u8; 4]>::try_from(said.as_slice()) {
        Ok(number) => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number))),
        Err(_) => Ok(()),
    }
}
