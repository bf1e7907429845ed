//! `agent logs`: what the agent wrote to its log, of one instance or of all.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom},
    time::{Duration, sleep},
};

use super::log_entry::LogEntry;
use crate::{
    cli::{
        args::Format,
        commands::preview::logs::{moment, one_document},
        context::Context,
        exit::{Failure, Outcome},
        output::text,
    },
    client::ClientError,
    config::Paths,
};

/// Between two looks at the end of the file.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct AgentLogsArgs {
    /// Go on with what it writes from now
    #[arg(short, long)]
    follow: bool,
    /// Only the last lines
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 200)]
    tail: usize,
    /// Only what is newer: an age such as `5m`, or a time such as `2026-11-23T14:00:00Z`
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only what concerns this instance, by its name or its id
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,
}

#[derive(Serialize)]
struct LogView {
    lines: Vec<String>,
    /// The same, where a line is one of the log's.
    entries: Vec<LogEntry>,
}

/// A line of the file. What a panic writes there has no form.
enum LogOutputLine {
    Entry(LogEntry),
    Other(String),
}

impl LogOutputLine {
    fn read(line: &str) -> Self {
        LogEntry::parse(line).map_or_else(|| Self::Other(line.to_owned()), Self::Entry)
    }

    fn text(&self) -> String {
        match self {
            Self::Entry(entry) => text::harmless(&entry.text()),
            Self::Other(line) => text::harmless(line),
        }
    }
}

impl AgentLogsArgs {
    fn wants(&self, line: &LogOutputLine) -> bool {
        match line {
            LogOutputLine::Entry(entry) => {
                self.since.is_none_or(|since| entry.timestamp >= since)
                    && self.instance.as_ref().is_none_or(|it| entry.is_about(it))
            }
            LogOutputLine::Other(_) => self.since.is_none() && self.instance.is_none(),
        }
    }
}

pub async fn run(context: &mut Context, paths: &Paths, args: &AgentLogsArgs) -> Outcome {
    one_document(context, args.follow)?;
    let path = paths.agent_log();
    let (now, end) = read(&path).map_err(|source| failed(&path, source))?;
    let before = path.with_extension("log.1");
    let (before, _) = read(&before).map_err(|source| failed(&before, source))?;
    if now.is_empty() && before.is_empty() {
        context.printer.note("the agent has written nothing yet");
    }
    let mut lines: Vec<LogOutputLine> = before
        .lines()
        .chain(now.lines())
        .map(LogOutputLine::read)
        .filter(|line| args.wants(line))
        .collect();
    lines.drain(..lines.len().saturating_sub(args.tail));
    if !args.follow {
        let view = LogView {
            lines: lines.iter().map(LogOutputLine::text).collect(),
            entries: lines
                .into_iter()
                .filter_map(|line| match line {
                    LogOutputLine::Entry(entry) => Some(entry),
                    LogOutputLine::Other(_) => None,
                })
                .collect(),
        };
        context.printer.view(&view, || view.lines.join("\n"))?;
        return Ok(0);
    }
    for line in &lines {
        print(context, line)?;
    }
    follow(context, args, &path, end).await
}

/// The whole file and its length. One that is not there is empty.
fn read(path: &Path) -> io::Result<(String, u64)> {
    match fs::read(path) {
        Ok(bytes) => {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            Ok((String::from_utf8_lossy(&bytes).into_owned(), length))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((String::new(), 0)),
        Err(error) => Err(error),
    }
}

fn failed(path: &Path, source: io::Error) -> ClientError {
    ClientError::Io {
        act: "read",
        path: path.to_owned(),
        source,
    }
}

/// A stream has one JSON object a line; a person gets text.
fn print(context: &mut Context, line: &LogOutputLine) -> Result<(), Failure> {
    match (context.printer.format(), line) {
        (Format::Ndjson, LogOutputLine::Entry(entry)) => {
            let json = serde_json::to_string(entry).unwrap_or_default();
            context.printer.text(&json)
        }
        (Format::Ndjson, LogOutputLine::Other(_)) => Ok(()),
        _ => context.printer.text(&line.text()),
    }
}

async fn follow(context: &mut Context, args: &AgentLogsArgs, path: &Path, mut at: u64) -> Outcome {
    // Of a line that is being written.
    let mut begun = String::new();
    loop {
        sleep(LOOK).await;
        let mut file = match tokio::fs::File::open(path).await {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(path, error).into()),
        };
        let length = file.metadata().await.map_err(|error| failed(path, error))?;
        if length.len() < at {
            // It was put aside and begun again.
            at = 0;
        }
        let mut more = Vec::new();
        let sought = file.seek(SeekFrom::Start(at)).await;
        sought.map_err(|error| failed(path, error))?;
        let got = file.read_to_end(&mut more).await;
        at += u64::try_from(got.map_err(|error| failed(path, error))?).unwrap_or(0);
        begun.push_str(&String::from_utf8_lossy(&more));
        while let Some((line, rest)) = begun.split_once('\n') {
            let line = LogOutputLine::read(line);
            begun = rest.to_owned();
            if args.wants(&line) {
                print(context, &line)?;
            }
        }
    }
}
