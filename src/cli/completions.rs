//! `completions`: the script that completes our commands in a shell.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{args::Cli, context::Context, exit::Outcome};

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

pub fn run(context: &mut Context, args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    generate(
        args.shell,
        &mut Cli::command(),
        "codemate-preview",
        &mut script,
    );
    // A script is what it is in any format.
    context.printer.bytes(false, &script)?;
    Ok(0)
}
