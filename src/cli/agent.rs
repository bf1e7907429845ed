//! `agent`: run it, and control the one that runs.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt, SeekFrom},
    time::{Duration, sleep},
};

use super::{
    context::Context,
    exit::Outcome,
    logs::one_document,
    output::{self, table, text},
};
use crate::{
    agent,
    api::{Hello, Ready},
    client::{self, ClientError},
    config::Paths,
};

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
    Logs {
        /// Go on with what it writes from now
        #[arg(short, long)]
        follow: bool,
        /// Only the last lines
        #[arg(long, short = 'n', value_name = "LINES", default_value_t = 200)]
        tail: usize,
    },
}

#[derive(Serialize)]
struct StoppedView {
    changed: bool,
}

#[derive(Serialize)]
struct LogView<'a> {
    lines: Vec<&'a str>,
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
        AgentCommand::Logs { follow, tail } => logs(context, &paths, follow, tail).await,
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

async fn logs(context: &mut Context, paths: &Paths, follow: bool, tail: usize) -> Outcome {
    /// Between two looks at the end of the file.
    const LOOK: Duration = Duration::from_millis(200);
    one_document(context, follow)?;
    let path = paths.agent_log();
    let failed = |source| ClientError::Io {
        act: "read",
        path: path.clone(),
        source,
    };
    let mut file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            context.printer.note("the agent has written nothing yet");
            context
                .printer
                .view(&LogView { lines: Vec::new() }, String::new)?;
            return Ok(0);
        }
        Err(error) => return Err(failed(error).into()),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).await.map_err(failed)?;
    let written = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = written.lines().collect();
    let lines = lines[lines.len().saturating_sub(tail)..].to_vec();
    if !follow {
        context.printer.view(
            &LogView {
                lines: lines.clone(),
            },
            || text::harmless(&lines.join("\n")),
        )?;
        return Ok(0);
    }
    context.printer.text(&text::harmless(&lines.join("\n")))?;
    loop {
        sleep(LOOK).await;
        let mut more = Vec::new();
        let at = file.stream_position().await.map_err(failed)?;
        if file.metadata().await.map_err(failed)?.len() < at {
            file.seek(SeekFrom::Start(0)).await.map_err(failed)?;
        }
        file.read_to_end(&mut more).await.map_err(failed)?;
        let more = String::from_utf8_lossy(&more);
        context
            .printer
            .text(&text::harmless(more.trim_end_matches('\n')))?;
    }
}
