//! `help`: of a command, or the exit codes.

use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::cli::{
    args::Cli,
    context::Context,
    exit::{Failure, MEANINGS, Outcome},
    output::table,
};

#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command, or `exit-codes`
    topic: Vec<String>,
}

#[derive(Serialize)]
struct ExitCodesView {
    exit_codes: Vec<ExitCode>,
}

#[derive(Serialize)]
struct ExitCode {
    exit: &'static str,
    code: &'static str,
    meaning: &'static str,
}

pub fn run(context: &mut Context, args: &HelpArgs) -> Outcome {
    if args.topic == ["exit-codes"] {
        return exit_codes(context);
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for word in &args.topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Failure::usage(format!("there is no command `{}`", args.topic.join(" ")))
        })?;
    }
    let help = found.render_long_help();
    context.printer.text(help.to_string().trim_end())?;
    Ok(0)
}

fn exit_codes(context: &mut Context) -> Outcome {
    let exit_codes = MEANINGS.map(|(exit, code, meaning)| ExitCode {
        exit,
        code,
        meaning,
    });
    context.printer.view(
        &ExitCodesView {
            exit_codes: exit_codes.into(),
        },
        || {
            table::columns(
                ["EXIT", "CODE", "MEANING"],
                MEANINGS.map(|(exit, code, meaning)| [exit, code, meaning].map(str::to_owned)),
            )
        },
    )?;
    Ok(0)
}
