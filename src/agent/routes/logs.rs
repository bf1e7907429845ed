//! Stream what an instance wrote until the reader leaves or it ends.

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
    engine::LogQuery,
    model::{Event, UpOutcome},
};

pub async fn logs(
    State(house): State<House>,
    Target(asked): Target,
    Query(query): Query<LogsQuery>,
) -> Result<Response, Refusal> {
    let id = house.manager.show(asked.as_str())?.id;
    let query = LogQuery {
        follow: query.follow,
        since: query.since,
        tail: query.tail,
    };
    let (_, journal) = house.manager.journal(asked.as_str())?;
    let (past, mut told) = journal.follow();
    let since = query.since;
    let mut written = house.manager.engine().logs(&id, query).await?;
    let scope = house.scope.clone();
    Ok(ndjson(
        &house.scope,
        Some(id),
        move |mut lines| async move {
            for entry in past
                .into_iter()
                .filter(|entry| since.is_none_or(|since| entry.at > since))
            {
                if matches!(entry.event, Event::Refused(_)) {
                    lines.send(entry.event).await?;
                }
            }
            loop {
                tokio::select! {
                    // One that falls behind misses some; they are in `events`.
                    Ok(entry) = told.recv(), if query.follow => {
                        if matches!(entry.event, Event::Refused(_)) {
                            lines.send(entry.event).await?;
                        }
                    }
                    line = written.next() => match line {
                        Some(Ok(line)) => lines.send(Event::Log(line)).await?,
                        Some(Err(error)) => return lines.end(UpOutcome::failure(error.problem())).await,
                        None => return lines.end(UpOutcome::success(false, None)).await,
                    },
                    () = lines.gone() => return Err(Gone),
                    () = scope.cancelled() => return Err(Gone),
                }
            }
        },
    ))
}
