//! `logs`: what an instance wrote, and goes on writing.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde::Serialize;

use crate::{
    api::LogsQuery,
    cli::{
        args::{Format, Selected},
        context::Context,
        event_stream,
        exit::{Failure, Outcome},
        selector::Selector,
    },
    client::ClientError,
    model::{Code, Event, LogLine, Problem},
};

#[derive(Debug, Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub selected: Selected,
    /// Go on with what it writes from now
    #[arg(short, long)]
    pub follow: bool,
    /// Only what is newer: an age such as `5m`, or a time such as `2026-11-23T14:00:00Z`
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only the last lines
    #[arg(long, short = 'n', value_name = "LINES")]
    pub tail: Option<u32>,
    /// Only lines in which this regular expression is found
    #[arg(long, value_name = "REGEX")]
    pub grep: Option<Regex>,
}

#[derive(Default, Serialize)]
struct LinesView {
    lines: Vec<LogLine>,
}

pub async fn run(context: &mut Context, args: LogsArgs) -> Outcome {
    one_document(context, args.follow)?;
    let selector = Selector::of(context, args.selected.instance.as_deref())?;
    let client = context.client().await?;
    let query = LogsQuery {
        follow: args.follow,
        since: args.since,
        tail: args.tail,
    };
    let mut lines = client
        .logs(&selector.reference, &query)
        .await
        .map_err(|error| selector.explain(error))?;
    let mut view = LinesView::default();
    let result = loop {
        let line = lines.next().await?.ok_or(ClientError::Cut)?;
        match &line.envelope.event {
            Event::Result(_) => break line,
            Event::Log(log)
                if args
                    .grep
                    .as_ref()
                    .is_some_and(|grep| !grep.is_match(&log.text)) => {}
            Event::Log(log) if context.printer.format() == Format::Json => {
                view.lines.push(log.clone());
            }
            Event::Log(log) => context.printer.log(&line, log)?,
            _ => context.printer.event(&line)?,
        }
    };
    event_stream::conclude_with(&result, &view, &mut context.printer)
}

/// One document cannot hold what has no end.
pub fn one_document(context: &Context, endless: bool) -> Result<(), Failure> {
    if endless && context.printer.format() == Format::Json {
        return Err(Problem::new(
            Code::Usage,
            "`--follow` has no end, so it is not one document",
        )
        .hint("`--format ndjson` streams")
        .into());
    }
    Ok(())
}

pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let age = humantime::parse_duration(text)
        .map_err(|_| "expected an age such as `5m`, or a time such as `2026-11-23T14:00:00Z`")?;
    let age = SignedDuration::try_from(age).map_err(|_| "that is too long ago")?;
    Timestamp::now()
        .checked_sub(age)
        .map_err(|_| "that is too long ago".to_owned())
}
