//! `agent`: run it, and control the one that runs.

mod log_entry;
mod logs;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::time::Duration;

use crate::{
    agent,
    api::{Hello, Ready},
    cli::{
        context::Context,
        exit::Outcome,
        output::{self, table, text},
    },
    client,
    config::Paths,
};
use logs::AgentLogsArgs;

#[derive(Debug, Args)]
pub struct AgentArgs {
    #[command(subcommand)]
    command: AgentCommand,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Be the agent, until told to stop
    #[command(hide = true)]
    Run,
    /// Start it, unless it runs
    Start,
    /// Show the agent that runs
    Status,
    /// Stop it; instances that run go on
    Stop,
    /// Stop it and start it again
    Restart,
    /// Print what it wrote to its log
    Logs(AgentLogsArgs),
}

#[derive(Serialize)]
struct StoppedView {
    changed: bool,
}

impl AgentArgs {
    pub fn is_run(&self) -> bool {
        matches!(self.command, AgentCommand::Run)
    }
}

/// It has a runtime of its own, and its standard output is one line for whoever started it.
pub fn run(context: &Context) -> ExitCode {
    match Paths::resolve(&context.env) {
        Ok(paths) => agent::run(&context.env, &paths, |line| output::ready(&line)),
        Err(error) => {
            let problem = error.problem();
            let exit = problem.code.exit_code();
            output::ready(&Ready::Failed { problem });
            ExitCode::from(exit)
        }
    }
}

pub async fn control(context: &mut Context, args: AgentArgs) -> Outcome {
    let paths = context.paths()?;
    match args.command {
        AgentCommand::Run => Ok(0),
        AgentCommand::Start => {
            let client = client::find_or_start(&paths).await?;
            status(context, &client.status().await?)
        }
        AgentCommand::Status => {
            let client = client::find(&paths).await?;
            status(context, &client.status().await?)
        }
        AgentCommand::Restart => {
            context.printer.busy("stopping the agent");
            client::stop(&paths).await?;
            let client = client::find_or_start(&paths).await?;
            status(context, &client.status().await?)
        }
        AgentCommand::Stop => {
            context.printer.busy("stopping the agent");
            let changed = client::stop(&paths).await?;
            context
                .printer
                .view(&StoppedView { changed }, String::new)?;
            context.printer.note(if changed {
                "stopped"
            } else {
                "it was not running"
            });
            Ok(0)
        }
        AgentCommand::Logs(args) => logs::run(context, &paths, &args).await,
    }
}

fn status(context: &mut Context, hello: &Hello) -> Outcome {
    context.printer.view(hello, || {
        let engine = hello.engine.as_ref().map_or_else(
            || "none answers".to_owned(),
            |engine| {
                format!(
                    "{}, API {} at {}",
                    engine.product, engine.api, engine.endpoint
                )
            },
        );
        table::pairs([
            ("version", hello.version.clone()),
            ("pid", hello.pid.to_string()),
            (
                "up for",
                text::for_long(Duration::from_secs(hello.uptime_seconds)),
            ),
            ("instances", hello.instances.to_string()),
            ("gateway", format!("port {}", hello.gateway_port)),
            ("engine", engine),
        ])
    })?;
    Ok(0)
}
