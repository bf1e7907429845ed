//! `tether`: become a program that ends with the agent.

use std::{ffi::OsString, process::ExitCode};

use clap::Args;

use crate::tunnel;

#[derive(Debug, Args)]
pub struct TetherArgs {
    /// The process id of the agent
    parent: i32,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    argv: Vec<OsString>,
}

/// It has no output of its own: what it has to say goes to the agent.
pub fn run(args: &TetherArgs) -> ExitCode {
    tunnel::die_with_parent(args.parent, &args.argv)
}
