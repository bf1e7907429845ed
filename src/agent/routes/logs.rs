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
    let mut written = house.manager.engine().logs(&id, query).await?;
    let scope = house.scope.clone();
    Ok(ndjson(
        &house.scope,
        Some(id),
        move |mut lines| async move {
            loop {
                tokio::select! {
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
