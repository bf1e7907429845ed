//! Stream what happens: what is remembered, then what comes.

use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    House, Target,
    reply::Refusal,
    stream::{Gone, HEARTBEAT, Lines, ndjson},
};
use crate::{
    api::EventsQuery,
    lifecycle::Entry,
    model::{Event, InstanceId, UpOutcome},
    security::Caller,
    task::Scope,
};

type Tagged = (InstanceId, Entry);

pub async fn of_one(
    State(house): State<House>,
    Target(asked): Target,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Refusal> {
    let (id, journal) = house.manager.journal(asked.as_str())?;
    let (past, now) = journal.follow();
    let past = past.into_iter().map(|entry| (id.clone(), entry)).collect();
    let now = query.follow.then(|| tagged(id.clone(), now));
    Ok(answer(&house, Some(id), past, now))
}

/// Instances that come later are not in it: a reader who wants them asks again.
pub async fn of_all(
    State(house): State<House>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<EventsQuery>,
) -> Response {
    let mut past: Vec<Tagged> = Vec::new();
    let mut streams = Vec::new();
    for (id, journal) in house.manager.journals() {
        if !house.manager.reaches(&caller.scopes.reach, &id) {
            continue;
        }
        let (entries, now) = journal.follow();
        past.extend(entries.into_iter().map(|entry| (id.clone(), entry)));
        streams.push(tagged(id, now));
    }
    past.sort_by_key(|(_, entry)| entry.at);
    let now = query.follow.then(|| stream::select_all(streams).boxed());
    answer(&house, None, past, now)
}

fn tagged(id: InstanceId, now: broadcast::Receiver<Entry>) -> BoxStream<'static, Tagged> {
    stream::unfold((id, now), |(id, mut now)| async move {
        loop {
            match now.recv().await {
                Ok(entry) => return Some(((id.clone(), entry), (id, now))),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
    .boxed()
}

fn answer(
    house: &House,
    instance: Option<InstanceId>,
    past: Vec<Tagged>,
    now: Option<BoxStream<'static, Tagged>>,
) -> Response {
    let scope = house.scope.clone();
    ndjson(&house.scope, instance, move |mut lines| async move {
        for (id, entry) in past {
            lines.send_of(Some(id), entry.at, entry.event).await?;
        }
        if let Some(now) = now {
            follow(&mut lines, now, &scope).await?;
        }
        lines.end(UpOutcome::success(false, None)).await
    })
}

async fn follow(
    lines: &mut Lines,
    mut now: BoxStream<'static, Tagged>,
    scope: &Scope,
) -> Result<(), Gone> {
    loop {
        tokio::select! {
            entry = now.next() => match entry {
                Some((id, entry)) => lines.send_of(Some(id), entry.at, entry.event).await?,
                None => return Ok(()),
            },
            () = lines.gone() => return Err(Gone),
            () = scope.cancelled() => return Err(Gone),
            () = tokio::time::sleep(HEARTBEAT) => lines.send(Event::Heartbeat {}).await?,
        }
    }
}
