//! The command line: one file a command, and the match that picks one.

mod agent;
mod args;
mod attach;
mod completions;
mod context;
mod detect;
mod doctor;
mod down;
mod events;
mod exec;
mod exit;
mod follow;
mod help;
mod images;
mod logs;
mod ls;
mod open;
mod output;
mod probe;
mod prune;
mod restart;
mod secret;
mod selector;
mod share;
mod signal;
mod status;
mod supabase;
mod surroundings;
mod sync;
mod terminal;
mod tether;
mod token;
mod tunnel;
mod up;
mod url;
mod variables;
mod wait;

pub use args::Cli;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use args::Command;
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

async fn dispatch(context: &mut Context, command: Command) -> Outcome {
    match command {
        Command::Up(args) => up::run(context, *args).await,
        Command::Wait(args) => wait::run(context, args).await,
        Command::Down(args) => down::run(context, args).await,
        Command::Ls => ls::run(context).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Url(args) => url::run(context, args).await,
        Command::Open(args) => open::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Exec(args) => exec::run(context, args).await,
        Command::Restart(args) => restart::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Detect(args) => detect::run(context, args).await,
        Command::Images(args) => images::run(context, args).await,
        Command::Agent(args) => agent::control(context, args).await,
        Command::Supabase(args) => supabase::run(context, args).await,
        Command::Prune(args) => prune::run(context, args).await,
        Command::Secret(args) => secret::run(context, args).await,
        Command::Sync(args) => sync::run(context, args).await,
        Command::Token(args) => token::run(context, args).await,
        Command::Share(args) => share::run(context, args).await,
        Command::Tunnel(args) => tunnel::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        // It has no output and was run already.
        Command::Tether(_) => Ok(0),
        Command::Completions(args) => completions::run(context, &args),
        Command::Help(args) => help::run(context, &args),
    }
}
