//! Hand the arguments to the command line, and its exit code to the system.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use codemate_preview::{cli, config::Env};

fn main() -> ExitCode {
    cli::main(Env::capture())
}
