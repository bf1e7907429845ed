//! `exec`: a command inside an instance, with this terminal, and its exit code.

use bytes::Bytes;
use clap::Args;
use serde::Serialize;
use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

use crate::{
    api::{ExecFrame, ExecRequest},
    cli::{
        args::Format,
        context::Context,
        exit::{Failure, Outcome},
        output::Printer,
        selector::Selector,
        terminal::{self, Raw},
        variables::{Variable, variables},
    },
    client::{ExecReader, ExecWriter},
    model::{Code, Problem, Secret},
};

#[derive(Debug, Args)]
#[command(override_usage = "codemate-preview exec [OPTIONS] [NAME|DIR] -- <COMMAND>...")]
pub struct ExecArgs {
    /// A name, an id or a directory (with a `/`, or `.`)
    #[arg(value_name = "NAME|DIR")]
    pub instance: Option<String>,
    /// Give the command no terminal even if this is one
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// Set a variable of the command's environment
    #[arg(long = "env", short = 'e', value_name = "KEY=VALUE")]
    pub env: Vec<Variable>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// With a machine's format the output of the command is in the document.
#[derive(Default, Serialize)]
struct ExecView {
    status: u8,
    stdout: String,
    stderr: String,
}

pub async fn run(context: &mut Context, args: ExecArgs) -> Outcome {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let tty = !args.no_tty && context.printer.format() == Format::Text && terminal::both_ends();
    let mut env = variables(args.env)?;
    if tty && let Some(term) = &context.env.term {
        env.entry("TERM".to_owned())
            .or_insert_with(|| Secret::new(term));
    }
    let request = ExecRequest {
        argv: args.command,
        env,
        tty,
        stdin: true,
        size: if tty { terminal::size() } else { None },
    };
    let client = context.client().await?;
    let (reader, mut writer) = client
        .exec(&selector.reference, &request)
        .await
        .map_err(|error| selector.explain(error))?;
    let raw = if tty {
        Some(Raw::enter().map_err(|error| no_raw(&error))?)
    } else {
        None
    };
    let done = tokio::select! {
        done = output(reader, &mut context.printer) => done,
        stopped = input(&mut writer, tty) => Err(stopped),
    };
    drop(raw);
    let view = done?;
    if context.printer.format() != Format::Text {
        context.printer.view(&view, String::new)?;
    }
    Ok(view.status)
}

async fn output(mut reader: ExecReader, printer: &mut Printer) -> Result<ExecView, Failure> {
    let direct = printer.format() == Format::Text;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match reader.next().await? {
            ExecFrame::Stdout(bytes) if direct => printer.bytes(false, &bytes)?,
            ExecFrame::Stderr(bytes) if direct => printer.bytes(true, &bytes)?,
            ExecFrame::Stdout(bytes) => stdout.extend_from_slice(&bytes),
            ExecFrame::Stderr(bytes) => stderr.extend_from_slice(&bytes),
            ExecFrame::Exit(code) => {
                return Ok(ExecView {
                    // As any shell does with what does not fit.
                    status: u8::try_from(code & 0xff).unwrap_or(u8::MAX),
                    stdout: String::from_utf8_lossy(&stdout).into_owned(),
                    stderr: String::from_utf8_lossy(&stderr).into_owned(),
                });
            }
            ExecFrame::Failed(problem) => return Err(problem.into()),
            ExecFrame::Stdin(_) | ExecFrame::Resize { .. } => {}
        }
    }
}

/// Standard input and changes of size, for ever: only the output says when it is over.
async fn input(writer: &mut ExecWriter, tty: bool) -> Failure {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; 16 * 1024];
    let mut open = true;
    let mut resized = match signal(SignalKind::window_change()) {
        Ok(resized) => resized,
        Err(error) => return no_raw(&error),
    };
    loop {
        let frame = tokio::select! {
            read = stdin.read(&mut buffer), if open => {
                let length = read.unwrap_or(0);
                open = length > 0;
                ExecFrame::Stdin(Bytes::copy_from_slice(&buffer[..length]))
            }
            _ = resized.recv(), if tty => match terminal::size() {
                Some((columns, rows)) => ExecFrame::Resize { columns, rows },
                None => continue,
            },
            else => return std::future::pending().await,
        };
        if writer.send(&frame).await.is_err() {
            // The command has ended; what it said last is still to be read.
            return std::future::pending().await;
        }
    }
}

fn no_raw(error: &std::io::Error) -> Failure {
    Problem::new(
        Code::Internal,
        format!("cannot take over the terminal: {error}"),
    )
    .hint("`--no-tty` does without")
    .into()
}
