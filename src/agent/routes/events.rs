//! Stream what happens: what is remembered, then what comes.

use std::sync::{Arc, Weak};

use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{
    House, Target,
    reply::Refusal,
    stream::{Gone, HEARTBEAT, Lines, ndjson},
};
use crate::{
    api::EventsQuery,
    lifecycle::{Entry, Journal, Manager},
    model::{Event, InstanceId, UpOutcome},
    security::{Caller, Reach},
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

pub async fn of_all(
    State(house): State<House>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<EventsQuery>,
) -> Response {
    let mut all = All {
        census: house.manager.census(),
        manager: house.manager.clone(),
        reach: caller.scopes.reach.clone(),
        known: Vec::new(),
        streams: SelectAll::new(),
    };
    let past = all.newcomers();
    let now = query.follow.then(|| all.follow());
    answer(&house, None, past, now)
}

/// All instances that a caller reaches, those that come later too.
struct All {
    manager: Arc<Manager>,
    reach: Reach,
    /// Changes when an instance comes.
    census: watch::Receiver<()>,
    known: Vec<Weak<Journal>>,
    streams: SelectAll<BoxStream<'static, Tagged>>,
}

impl All {
    /// What those remember that were not known before; they are followed from here on.
    fn newcomers(&mut self) -> Vec<Tagged> {
        self.census.mark_unchanged();
        self.known.retain(|journal| journal.strong_count() > 0);
        let mut past: Vec<Tagged> = Vec::new();
        for (id, journal) in self.manager.journals() {
            let weak = Arc::downgrade(&journal);
            if self.known.iter().any(|known| known.ptr_eq(&weak))
                || !self.manager.reaches(&self.reach, &id)
            {
                continue;
            }
            self.known.push(weak);
            let (entries, now) = journal.follow();
            past.extend(entries.into_iter().map(|entry| (id.clone(), entry)));
            self.streams.push(tagged(id, now));
        }
        past.sort_by_key(|(_, entry)| entry.at);
        past
    }

    fn follow(self) -> BoxStream<'static, Tagged> {
        stream::unfold(self, |mut all| async move {
            let told = tokio::select! {
                changed = all.census.changed() => {
                    changed.ok()?;
                    all.newcomers()
                }
                // There may be none yet.
                Some(one) = all.streams.next() => vec![one],
            };
            Some((stream::iter(told), all))
        })
        .flatten()
        .boxed()
    }
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
