//! Stream what an instance wrote until the reader leaves or it ends. Of one without a container, what
//! is kept of its last run.

use axum::{
    extract::{Query, State},
    response::Response,
};
use futures_util::StreamExt;

use super::{
    AppState, Target,
    reply::Refusal,
    stream::{ClientGone, ndjson},
};
use crate::{
    api::LogsQuery,
    engine::{EngineError, LogQuery},
    lifecycle::{JournalEntry, LifecycleError},
    model::{Event, LogLine, Mask, PhaseKind, UpOutcome},
    store::Record,
};

pub async fn logs(
    State(state): State<AppState>,
    Target(asked): Target,
    Query(query): Query<LogsQuery>,
) -> Result<Response, Refusal> {
    let record = state.manager.show(asked.as_str())?;
    let id = record.id.clone();
    let query = LogQuery {
        follow: query.follow,
        since: query.since,
        tail: query.tail,
    };
    let (_, journal) = state.manager.journal(asked.as_str())?;
    let (past, mut events) = journal.follow();
    let refused = past
        .into_iter()
        .filter(move |entry| query.since.is_none_or(|since| entry.at > since))
        .filter_map(refused);
    let masks = state.manager.masks(&record).await?;
    let mut written = match state.manager.engine().logs(&id, query).await {
        Ok(written) => written,
        Err(EngineError::Missing { .. }) => {
            let stored = state.manager.retained_log(&id, query).await?;
            let scope = state.scope.clone();
            return Ok(ndjson(&scope, Some(id), move |mut lines| async move {
                for event in refused {
                    lines.send(event).await?;
                }
                let note = not_running(&record, stored.is_empty());
                for line in stored {
                    lines.send(Event::Log(line)).await?;
                }
                lines.send(note).await?;
                lines.end(UpOutcome::success(false, None)).await
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let scope = state.scope.clone();
    Ok(ndjson(
        &state.scope,
        Some(id),
        move |mut lines| async move {
            for event in refused {
                lines.send(event).await?;
            }
            loop {
                tokio::select! {
                    // One that falls behind misses some; they are in `events`.
                    Ok(entry) = events.recv(), if query.follow => {
                        if let Some(event) = self::refused(entry) {
                            lines.send(event).await?;
                        }
                    }
                    line = written.next() => match line {
                        Some(Ok(line)) => lines.send(Event::Log(clean(&masks, line))).await?,
                        // It was taken down meanwhile.
                        Some(Err(EngineError::Missing { .. })) | None => {
                            return lines.end(UpOutcome::success(false, None)).await;
                        }
                        Some(Err(error)) => {
                            return lines.end(UpOutcome::failure(error.problem())).await;
                        }
                    },
                    () = lines.gone() => return Err(ClientGone),
                    () = scope.cancelled() => return Err(ClientGone),
                }
            }
        },
    ))
}

fn refused(entry: JournalEntry) -> Option<Event> {
    matches!(entry.event, Event::Refused(_)).then_some(entry.event)
}

fn clean(masks: &[Mask], mut line: LogLine) -> LogLine {
    for mask in masks {
        line.text = mask.clean(line.text);
    }
    line
}

/// Said after what is kept, so that nobody waits for more.
fn not_running(record: &Record, nothing_kept: bool) -> Event {
    let state = match record.phase.kind() {
        PhaseKind::Creating => "is still being made",
        _ => "is not running",
    };
    let what = if nothing_kept {
        "nothing is kept of a run of it"
    } else {
        "this is what its last run wrote"
    };
    Event::Warning {
        message: format!("`{}` {state}; {what}", record.name),
        hint: LifecycleError::not_running(record).problem().hint,
    }
}
