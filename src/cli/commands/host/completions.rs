//! `completions`: what makes a shell complete our commands, and the answers it then asks for.
//!
//! A script of `completions/` asks this program, with the shell's name in `COMPLETE`, for code that
//! asks again at each completion. So the answers are never older than the program.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory, error::ErrorKind};
use clap_complete::{
    Shell,
    env::{EnvCompleter, Shells},
};

use crate::{
    cli::{args::Cli, context::Context, exit::Outcome},
    config::Env,
};

/// The command that is completed, and what the code calls unless it was started by a path.
const PROGRAM: &str = "codemate-preview";

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

pub fn run(context: &mut Context, args: &CompletionsArgs) -> Outcome {
    // A script is what it is in any format.
    context.printer.bytes(false, script(args.shell))?;
    Ok(0)
}

/// What a shell that asks is answered: the code that asks, or candidates. `None` if none asks.
pub fn answer(env: &Env) -> Option<clap::error::Result<Vec<u8>>> {
    let asking = env.complete.as_deref()?;
    let shells = Shells::builtins();
    // `$SHELL` is a path.
    let name = asking.file_stem().unwrap_or_default().to_string_lossy();
    let Some(shell) = shells.completer(&name) else {
        let known: Vec<&str> = shells.names().collect();
        let message = format!(
            "COMPLETE names no known shell: {name}; known are {}\n",
            known.join(", ")
        );
        return Some(Err(Cli::command().error(ErrorKind::InvalidValue, message)));
    };
    Some(written(shell).map_err(Into::into))
}

fn written(shell: &dyn EnvCompleter) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut args = env::args_os();
    let program = PathBuf::from(args.next().unwrap_or_else(|| PROGRAM.into()));
    // The words of the command line that is completed follow a `--`.
    let words: Vec<_> = args.skip_while(|arg| arg != "--").skip(1).collect();
    let here = env::current_dir().ok();
    if words.is_empty() {
        let caller = caller(&program, here.as_deref());
        shell.write_registration("COMPLETE", PROGRAM, PROGRAM, &caller, &mut out)?;
    } else {
        shell.write_complete(&mut Cli::command(), words, here.as_deref(), &mut out)?;
    }
    Ok(out)
}

/// A path has to hold in other directories too; a name is looked up each time.
fn caller(program: &Path, here: Option<&Path>) -> String {
    let is_path = program.components().count() > 1;
    let program = match here {
        Some(here) if is_path => here.join(program),
        _ => program.to_owned(),
    };
    program.to_string_lossy().into_owned()
}

fn script(shell: Shell) -> &'static [u8] {
    match shell {
        Shell::Elvish => include_bytes!("../../../../completions/codemate-preview.elv"),
        Shell::Fish => include_bytes!("../../../../completions/codemate-preview.fish"),
        Shell::PowerShell => include_bytes!("../../../../completions/_codemate-preview.ps1"),
        Shell::Zsh => include_bytes!("../../../../completions/_codemate-preview"),
        // The enum may grow; what else there is reads bash best.
        _ => include_bytes!("../../../../completions/codemate-preview.bash"),
    }
}
