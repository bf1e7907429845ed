//! `up` and `restart`: what happens on the way, then how it ended.

use axum::{Extension, Json, extract::State, response::Response};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{
    AppState, Target,
    reply::Refusal,
    stream::{ClientGone, HEARTBEAT, NdjsonLines, ndjson},
};
use crate::{
    api::{SourceRef, UpRequest},
    lifecycle::{LifecycleError, PendingStart, StartRequest},
    model::{Code, Credentials, Event, InstanceId, Name, Problem, UpOutcome},
    security::{Caller, Reach, Right},
    store::SourceRecord,
};

pub async fn start(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<UpRequest>,
) -> Result<Response, Refusal> {
    let start = start_request(&state, &caller, &request)?;
    if caller.may(Right::ManageHost) {
        learn(&state, &request.credentials).await?;
    }
    let starting = state.manager.up(start).await?;
    Ok(follow(&state, starting))
}

pub async fn restart(
    State(state): State<AppState>,
    Target(asked): Target,
) -> Result<Response, Refusal> {
    let starting = state.manager.restart(asked.as_str()).await?;
    Ok(follow(&state, starting))
}

/// What is asked for, as far as the caller may.
fn start_request(
    state: &AppState,
    caller: &Caller,
    request: &UpRequest,
) -> Result<StartRequest, Refusal> {
    let of_host = caller.may(Right::ManageHost);
    if !of_host && request.credentials != Credentials::default() {
        return Err(policy_refusal(
            "this host's credentials are its user's to set",
        ));
    }
    if !of_host && request.options.tunnel.is_some() {
        return Err(policy_refusal(
            "which tunnel leads here is for this host's user to say",
        ));
    }
    let label = request.label.as_ref();
    let start = StartRequest {
        source: source(state, caller, request.source.clone(), label)?,
        label: request.label.clone(),
        options: request.options.clone(),
        env_flags: request.env_flags.clone(),
        rebuild: request.rebuild,
        owner: caller.owner.clone(),
        public: request.public,
        expires: request.expires,
        expose: request.expose.clone(),
    };
    check_reach(state, caller, &start.id())?;
    Ok(start)
}

/// Whoever reaches one instance alone makes no other.
pub fn check_reach(state: &AppState, caller: &Caller, id: &InstanceId) -> Result<(), Refusal> {
    if let Reach::One(_) = &caller.scopes.reach {
        state.manager.resolve(&caller.scopes.reach, id.as_str())?;
    }
    Ok(())
}

fn policy_refusal(what: &str) -> Refusal {
    Refusal(Problem::new(Code::Policy, what))
}

pub fn source(
    state: &AppState,
    caller: &Caller,
    source: SourceRef,
    label: Option<&Name>,
) -> Result<SourceRecord, Refusal> {
    match source {
        SourceRef::Local { .. } if !caller.scopes.local_dirs => Err(Refusal(
            Problem::new(
                Code::Policy,
                "this caller may not name directories of this host",
            )
            .hint("the host's user makes tokens that may by `token new --local-dirs`"),
        )),
        SourceRef::Local { directory } => Ok(SourceRecord::Local { directory }),
        SourceRef::Supabase { project } => {
            let owner = caller.owner.as_deref();
            Ok(state.manager.mirrored_source(project, label, owner))
        }
    }
}

/// Keep what a command's environment has for providers, for the tunnels of this agent and the next.
pub async fn learn(state: &AppState, credentials: &Credentials) -> Result<(), LifecycleError> {
    state.manager.add_credentials(credentials).await
}

pub fn follow(state: &AppState, starting: PendingStart) -> Response {
    let id = starting.id.clone();
    let scope = state.scope.clone();
    ndjson(&state.scope, Some(id), move |lines| async move {
        tokio::select! {
            done = until_outcome(lines, starting) => done,
            () = scope.cancelled() => Err(ClientGone),
        }
    })
}

/// Tell each event until the outcome is there, then that. A reader that leaves gives the start up.
async fn until_outcome(mut lines: NdjsonLines, starting: PendingStart) -> Result<(), ClientGone> {
    let PendingStart {
        mut events,
        mut outcome,
        cancel,
        ..
    } = starting;
    let cancel_guard = cancel.drop_guard();
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
            () = lines.gone() => return Err(ClientGone),
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
    cancel_guard.disarm();
    lines
        .end(match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => UpOutcome::failure(error.problem()),
            Err(_) => UpOutcome::failure(LifecycleError::ShuttingDown.problem()),
        })
        .await
}
