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
    AppState, Target,
    reply::Refusal,
    stream::{ClientGone, HEARTBEAT, NdjsonLines, ndjson},
};
use crate::{
    api::EventsQuery,
    lifecycle::{Journal, JournalEntry, Manager},
    model::{Event, InstanceId, UpOutcome},
    security::{Caller, Reach},
    task::Scope,
};

type TaggedEvent = (InstanceId, JournalEntry);

pub async fn of_one(
    State(state): State<AppState>,
    Target(asked): Target,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Refusal> {
    let (id, journal) = state.manager.journal(asked.as_str())?;
    let (past, now) = journal.follow();
    let past = past.into_iter().map(|entry| (id.clone(), entry)).collect();
    let now = query.follow.then(|| tagged(id.clone(), now));
    Ok(answer(&state, Some(id), past, now))
}

pub async fn of_all(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<EventsQuery>,
) -> Response {
    let mut all = All {
        instances_changed: state.manager.instances_changed(),
        manager: state.manager.clone(),
        reach: caller.scopes.reach.clone(),
        known: Vec::new(),
        streams: SelectAll::new(),
    };
    let past = all.new_instances();
    let now = query.follow.then(|| all.follow());
    answer(&state, None, past, now)
}

/// All instances that a caller reaches, those that come later too.
struct All {
    manager: Arc<Manager>,
    reach: Reach,
    /// Changes when an instance comes.
    instances_changed: watch::Receiver<()>,
    known: Vec<Weak<Journal>>,
    streams: SelectAll<BoxStream<'static, TaggedEvent>>,
}

impl All {
    /// What those remember that were not known before; they are followed from here on.
    fn new_instances(&mut self) -> Vec<TaggedEvent> {
        self.instances_changed.mark_unchanged();
        self.known.retain(|journal| journal.strong_count() > 0);
        let mut past: Vec<TaggedEvent> = Vec::new();
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

    fn follow(self) -> BoxStream<'static, TaggedEvent> {
        stream::unfold(self, |mut all| async move {
            let first = tokio::select! {
                changed = all.instances_changed.changed() => {
                    changed.ok()?;
                    all.new_instances()
                }
                // There may be none yet.
                Some(one) = all.streams.next() => vec![one],
            };
            Some((stream::iter(first), all))
        })
        .flatten()
        .boxed()
    }
}

fn tagged(
    id: InstanceId,
    now: broadcast::Receiver<JournalEntry>,
) -> BoxStream<'static, TaggedEvent> {
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
    state: &AppState,
    instance: Option<InstanceId>,
    past: Vec<TaggedEvent>,
    now: Option<BoxStream<'static, TaggedEvent>>,
) -> Response {
    let scope = state.scope.clone();
    ndjson(&state.scope, instance, move |mut lines| async move {
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
    lines: &mut NdjsonLines,
    mut now: BoxStream<'static, TaggedEvent>,
    scope: &Scope,
) -> Result<(), ClientGone> {
    loop {
        tokio::select! {
            entry = now.next() => match entry {
                Some((id, entry)) => lines.send_of(Some(id), entry.at, entry.event).await?,
                None => return Ok(()),
            },
            () = lines.gone() => return Err(ClientGone),
            () = scope.cancelled() => return Err(ClientGone),
            () = tokio::time::sleep(HEARTBEAT) => lines.send(Event::Heartbeat {}).await?,
        }
    }
}
