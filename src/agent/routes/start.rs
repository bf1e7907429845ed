//! `up` and `restart`: what happens on the way, then how it ended.

use axum::{Extension, Json, extract::State, response::Response};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{
    House, Target,
    reply::Refusal,
    stream::{Gone, HEARTBEAT, Lines, ndjson},
};
use crate::{
    api::{Credentials, SourceRef, UpRequest},
    config::SupabaseEnv,
    lifecycle::{LifecycleError, Starting, UpOrder},
    model::{Code, Event, InstanceId, Name, Problem, UpOutcome},
    security::{Caller, Reach, Right},
    store::Source,
    tunnel::Given,
};

pub async fn start(
    State(house): State<House>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<UpRequest>,
) -> Result<Response, Refusal> {
    let order = order(&house, &caller, &request)?;
    if caller.may(Right::ManageHost) {
        learn(&house, request.credentials).await?;
    }
    let starting = house.manager.up(order).await?;
    Ok(follow(&house, starting))
}

pub async fn restart(
    State(house): State<House>,
    Target(asked): Target,
) -> Result<Response, Refusal> {
    let starting = house.manager.restart(asked.as_str()).await?;
    Ok(follow(&house, starting))
}

/// What is asked for, as far as the caller may.
fn order(house: &House, caller: &Caller, request: &UpRequest) -> Result<UpOrder, Refusal> {
    let of_host = caller.may(Right::ManageHost);
    if !of_host && request.credentials != Credentials::default() {
        return Err(refused("this host's credentials are its user's to set"));
    }
    if !of_host && request.options.tunnel.is_some() {
        return Err(refused(
            "which tunnel leads here is for this host's user to say",
        ));
    }
    let label = request.label.as_ref();
    let order = UpOrder {
        source: source(house, caller, request.source.clone(), label)?,
        label: request.label.clone(),
        options: request.options.clone(),
        env_flags: request.env_flags.clone(),
        rebuild: request.rebuild,
        owner: caller.owner.clone(),
        public: request.public,
        expires: request.expires,
        expose: request.expose.clone(),
    };
    within(house, caller, &order.id())?;
    Ok(order)
}

/// Whoever reaches one instance alone makes no other.
pub fn within(house: &House, caller: &Caller, id: &InstanceId) -> Result<(), Refusal> {
    if let Reach::One(_) = &caller.scopes.reach {
        house.manager.resolve(&caller.scopes.reach, id.as_str())?;
    }
    Ok(())
}

fn refused(what: &str) -> Refusal {
    Refusal(Problem::new(Code::Policy, what))
}

pub fn source(
    house: &House,
    caller: &Caller,
    source: SourceRef,
    label: Option<&Name>,
) -> Result<Source, Refusal> {
    match source {
        SourceRef::Local { .. } if !caller.scopes.local_dirs => Err(Refusal(
            Problem::new(
                Code::Policy,
                "this caller may not name directories of this host",
            )
            .hint("the host's user makes tokens that may by `token new --local-dirs`"),
        )),
        SourceRef::Local { directory } => Ok(Source::Local { directory }),
        SourceRef::Supabase { project } => {
            let owner = caller.owner.as_deref();
            Ok(house.manager.rows_source(project, label, owner))
        }
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
