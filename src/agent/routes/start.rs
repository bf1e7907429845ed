//! `up` and `restart`: what happens on the way, then how it ended.

use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{
    House,
    reply::Refusal,
    stream::{Gone, HEARTBEAT, Lines, ndjson},
};
use crate::{
    api::{Credentials, SourceRef, UpRequest},
    config::SupabaseEnv,
    lifecycle::{LifecycleError, Starting, UpOrder},
    model::{Event, Name, UpOutcome},
    store::Source,
    tunnel::Given,
};

pub async fn start(
    State(house): State<House>,
    Json(request): Json<UpRequest>,
) -> Result<Response, Refusal> {
    learn(&house, request.credentials).await?;
    let order = UpOrder {
        source: source(&house, request.source, request.label.as_ref()),
        label: request.label,
        options: request.options,
        env_flags: request.env_flags,
        rebuild: request.rebuild,
        public: request.public,
        expires: request.expires,
    };
    let starting = house.manager.up(order).await?;
    Ok(follow(&house, starting))
}

pub async fn restart(
    State(house): State<House>,
    Path(asked): Path<String>,
) -> Result<Response, Refusal> {
    let starting = house.manager.restart(&asked).await?;
    Ok(follow(&house, starting))
}

pub fn source(house: &House, source: SourceRef, label: Option<&Name>) -> Source {
    match source {
        SourceRef::Local { directory } => Source::Local { directory },
        SourceRef::Supabase { project } => house.manager.rows_source(project, label),
    }
}

/// Keep what a command's environment has for providers, for the tunnels of this agent and the next.
pub async fn learn(house: &House, credentials: Credentials) -> Result<(), LifecycleError> {
    let given = credentials.supabase;
    house
        .manager
        .learn_supabase(SupabaseEnv {
            url: given.url,
            key: given.key,
            service_key: given.service_key,
            token: given.token,
        })
        .await?;
    house
        .manager
        .learn(Given {
            ngrok: credentials.ngrok,
            cloudflare: credentials.cloudflare,
        })
        .await
}

pub fn follow(house: &House, starting: Starting) -> Response {
    let id = starting.id.clone();
    let scope = house.scope.clone();
    ndjson(&house.scope, Some(id), move |lines| async move {
        tokio::select! {
            done = until_outcome(lines, starting) => done,
            () = scope.cancelled() => Err(Gone),
        }
    })
}

/// Tell each event until the outcome is there, then that. A reader that leaves gives the start up.
async fn until_outcome(mut lines: Lines, starting: Starting) -> Result<(), Gone> {
    let Starting {
        mut events,
        mut outcome,
        cancel,
        ..
    } = starting;
    let given_up = cancel.drop_guard();
    let outcome = loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Ok(entry) => lines.send(entry.event).await?,
                // Behind by more than is kept: the outcome still comes.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break (&mut outcome).await,
            },
            outcome = &mut outcome => break outcome,
            () = lines.gone() => return Err(Gone),
            () = tokio::time::sleep(HEARTBEAT) => lines.send(Event::Heartbeat {}).await?,
        }
    };
    // What was told just before the outcome comes before it.
    loop {
        match events.try_recv() {
            Ok(entry) => lines.send(entry.event).await?,
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    given_up.disarm();
    lines
        .end(match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => UpOutcome::failure(error.problem()),
            Err(_) => UpOutcome::failure(LifecycleError::ShuttingDown.problem()),
        })
        .await
}
