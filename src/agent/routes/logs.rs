//! Stream what an instance wrote until the reader leaves or it ends. Of one without a container, what
//! is kept of its last run.

use axum::{
    extract::{Query, State},
    response::Response,
};
use futures_util::StreamExt;

use super::{
    House, Target,
    reply::Refusal,
    stream::{Gone, ndjson},
};
use crate::{
    api::LogsQuery,
    engine::{EngineError, LogQuery},
    lifecycle::{Entry, LifecycleError},
    model::{Event, LogLine, Mask, PhaseKind, UpOutcome},
    store::Record,
};

pub async fn logs(
    State(house): State<House>,
    Target(asked): Target,
    Query(query): Query<LogsQuery>,
) -> Result<Response, Refusal> {
    let record = house.manager.show(asked.as_str())?;
    let id = record.id.clone();
    let query = LogQuery {
        follow: query.follow,
        since: query.since,
        tail: query.tail,
    };
    let (_, journal) = house.manager.journal(asked.as_str())?;
    let (past, mut told) = journal.follow();
    let refused = past
        .into_iter()
        .filter(move |entry| query.since.is_none_or(|since| entry.at > since))
        .filter_map(refused);
    let masks = house.manager.masks(&record).await?;
    let mut written = match house.manager.engine().logs(&id, query).await {
        Ok(written) => written,
        Err(EngineError::Missing { .. }) => {
            let kept = house.manager.kept_log(&id, query).await?;
            let scope = house.scope.clone();
            return Ok(ndjson(&scope, Some(id), move |mut lines| async move {
                for event in refused {
                    lines.send(event).await?;
                }
                let note = not_running(&record, kept.is_empty());
                for line in kept {
                    lines.send(Event::Log(line)).await?;
                }
                lines.send(note).await?;
                lines.end(UpOutcome::success(false, None)).await
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let scope = house.scope.clone();
    Ok(ndjson(
        &house.scope,
        Some(id),
        move |mut lines| async move {
            for event in refused {
                lines.send(event).await?;
            }
            loop {
                tokio::select! {
                    // One that falls behind misses some; they are in `events`.
                    Ok(entry) = told.recv(), if query.follow => {
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
                    () = lines.gone() => return Err(Gone),
                    () = scope.cancelled() => return Err(Gone),
                }
            }
        },
    ))
}

fn refused(entry: Entry) -> Option<Event> {
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
