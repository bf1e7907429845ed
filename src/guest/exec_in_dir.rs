//! A command begun in a directory, which is entered by this program and not by the engine: what
//! stands at its path is the app's, and may be a link to a file the engine has open.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

/// As `docker exec` and shells have them: a failure of our own, a command that cannot be run, and
/// one that is not there.
const OURS: u8 = 125;
const NOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Returns only if the command was not begun.
pub fn run(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(dir), Some(program)) = (args.next(), args.next()) else {
        return ExitCode::from(2);
    };
    if let Err(error) = std::env::set_current_dir(&dir) {
        eprintln!("cannot work in {}: {error}", dir.display());
        return ExitCode::from(OURS);
    }
    let error = Command::new(&program).args(args).exec();
    eprintln!("cannot run {}: {error}", program.display());
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_RUN
    })
}
