//! The command line: its arguments, its output, and a file for each command in `commands/`.

mod agent_environment;
mod args;
mod commands;
mod context;
mod event_stream;
mod exit;
mod output;
mod selector;
mod signal;
mod terminal;
mod variables;

pub use args::Cli;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use args::Command;
use commands::{
    agent, dispatch,
    host::{completions, tether},
};
use context::Context;
use exit::{EXEC_FAILED, Outcome};
use output::Printer;
use signal::Signals;

use crate::{
    config::Env,
    model::{Code, Problem},
};

/// For the agent to say first that time is up, and why.
const WAIT_GRACE: Duration = Duration::from_secs(2);

pub fn main(env: Env) -> ExitCode {
    if let Some(answer) = completions::answer(&env) {
        return output::completion(answer);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::parse_error(&error),
    };
    if let Command::Tether(args) = &cli.command {
        return tether::run(args);
    }
    let printer = Printer::new(&cli.global, &env);
    let mut context = Context {
        env,
        global: cli.global,
        printer,
    };
    if let Command::Agent(args) = &cli.command
        && args.is_run()
    {
        return agent::run(&context);
    }
    let is_exec = matches!(cli.command, Command::Exec(_));
    let outcome = run(&mut context, cli.command).map_err(|failure| {
        // A signal ends `exec` as it ends any program.
        let own = !matches!(failure.code(), Some(Code::Interrupted | Code::Terminated));
        if is_exec && own {
            failure.with_exit(EXEC_FAILED)
        } else {
            failure
        }
    });
    ExitCode::from(context.printer.finish(outcome))
}

fn run(context: &mut Context, command: Command) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new(Code::Internal, format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(async {
        let limit = match command {
            // It has something to say and to stop when it is interrupted, so it listens itself.
            Command::Up(_) => return dispatch(context, command).await,
            Command::Wait(_) => context.global.timeout.map(|limit| limit + WAIT_GRACE),
            _ => context.global.timeout,
        };
        Signals::take()?
            .guard(limit, dispatch(context, command))
            .await
    });
    // A read of standard input may be waiting in a thread, for ever.
    runtime.shutdown_background();
    outcome
}
