//! Show a stream of events up to its result.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    cli::{
        args::Format,
        exit::{Failure, Outcome},
        output::Printer,
    },
    client::{ClientError, ResponseLine, ResponseLines},
    model::{Event, UpOutcome},
};

const TICK: Duration = Duration::from_secs(1);

/// The result, which is not printed yet.
pub async fn to_result(
    lines: &mut ResponseLines,
    printer: &mut Printer,
) -> Result<ResponseLine, Failure> {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let line = tokio::select! {
            line = lines.next() => line?.ok_or(ClientError::Cut)?,
            _ = tick.tick() => {
                printer.tick();
                continue;
            }
        };
        if matches!(line.envelope.event, Event::Result(_)) {
            return Ok(line);
        }
        printer.event(&line)?;
    }
}

/// Print the result and end as it says.
pub fn conclude(result: &ResponseLine, printer: &mut Printer) -> Outcome {
    printer.outcome(result)?;
    match &result.envelope.event {
        Event::Result(UpOutcome::Success { exit, .. }) => Ok(*exit),
        Event::Result(UpOutcome::Failure { problem, exit }) => {
            Err(Failure::from(problem.clone()).with_exit(*exit))
        }
        _ => Err(ClientError::Cut.into()),
    }
}

/// The URL of a result as a QR code, if it has any.
pub fn show_qr(result: &ResponseLine, printer: &mut Printer) {
    if let Event::Result(outcome) = &result.envelope.event
        && let Some(url) = outcome.url()
    {
        printer.qr(&url);
    }
}

/// The same, where what the stream held is the document.
pub fn conclude_with<T: Serialize>(
    result: &ResponseLine,
    view: &T,
    printer: &mut Printer,
) -> Outcome {
    if printer.format() == Format::Json
        && let Event::Result(UpOutcome::Success { exit, .. }) = &result.envelope.event
    {
        printer.view(view, String::new)?;
        return Ok(*exit);
    }
    conclude(result, printer)
}
