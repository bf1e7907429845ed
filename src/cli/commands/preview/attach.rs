//! Staying with an instance: its output and events, and Ctrl-C.

use jiff::Timestamp;

use super::up::Started;
use crate::{
    api::{DownRequest, EventsQuery, LogsQuery},
    cli::{
        args::Format,
        context::Context,
        event_stream,
        exit::{Failure, Outcome},
        output::Printer,
        signal::{Signals, ended},
    },
    client::{ClientError, ResponseLine},
    model::{Event, UpOutcome},
};

/// Of what was written before, when this command did not start it.
const EARLIER: u32 = 20;

/// Until the instance is gone or Ctrl-C: then stop what this command started, and nothing else.
pub async fn run(context: &mut Context, started: Started, signals: &mut Signals) -> Outcome {
    let Event::Result(outcome) = &started.result.envelope.event else {
        return event_stream::conclude(&started.result, &mut context.printer);
    };
    let UpOutcome::Success { changed, .. } = outcome else {
        return event_stream::conclude(&started.result, &mut context.printer);
    };
    let printer = &mut context.printer;
    printer.url(outcome)?;
    printer.join_streams();
    let since = Timestamp::now();
    let query = LogsQuery {
        follow: true,
        since: None,
        tail: (!changed).then_some(EARLIER),
    };
    let mut logs = started.client.logs(&started.id, &query).await?;
    let mut events = started
        .client
        .events(&started.id, &EventsQuery { follow: true })
        .await?;
    loop {
        let line = tokio::select! {
            line = logs.next() => line,
            line = events.next() => line,
            code = signals.next() => {
                leave(printer, &started, *changed, signals).await?;
                let interrupted = ended(code);
                return match printer.format() {
                    Format::Text => Ok(code.exit_code()),
                    Format::Json | Format::Ndjson => Err(interrupted),
                };
            }
        };
        let line = line?.ok_or(ClientError::Cut)?;
        if matches!(line.envelope.event, Event::Result(_)) {
            return gone(printer, &started.result, &line);
        }
        show(printer, &line, since)?;
    }
}

fn show(printer: &mut Printer, line: &ResponseLine, since: Timestamp) -> Result<(), Failure> {
    match &line.envelope.event {
        Event::Log(log) => printer.side_log(line, log),
        // Those on the way to the URL have been shown.
        _ if line.envelope.ts < since => Ok(()),
        _ => printer.event(line),
    }
}

/// A stream ended by itself: the instance was taken down by someone, or it failed.
fn gone(printer: &mut Printer, started: &ResponseLine, last: &ResponseLine) -> Outcome {
    if let Event::Result(UpOutcome::Failure { .. }) = &last.envelope.event {
        return event_stream::conclude(last, printer);
    }
    printer.note("it is not running any more");
    if printer.format() != Format::Text {
        printer.outcome(started)?;
    }
    Ok(0)
}

async fn leave(
    printer: &mut Printer,
    started: &Started,
    ours: bool,
    signals: &mut Signals,
) -> Result<(), Failure> {
    if !ours {
        printer.note("detached; it was running before and goes on");
        return Ok(());
    }
    printer.note("stopping; Ctrl-C again to leave that to the agent");
    let request = DownRequest {
        instances: vec![started.id.clone()],
        all: false,
        purge: false,
    };
    tokio::select! {
        stopped = started.client.stop(&request) => {
            stopped?;
            printer.note("stopped");
        }
        _ = signals.next() => {}
    }
    Ok(())
}
