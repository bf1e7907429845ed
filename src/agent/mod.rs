//! The agent: one process a user that owns every instance.

mod audit;
mod compose;
mod lock;
mod log;
mod remote;
mod rotating_file;
mod routes;
mod session_vault;
mod tokens;

pub use audit::Audit;
pub use lock::{AgentLock, ListeningLock, LockClaim, LockError};
pub use log::log_to;
pub use remote::{Remote, RemoteError, RemoteParams};
pub use routes::{AppState, ROUTES, Route, router};
pub use tokens::{TokenError, TokenRegistry};

use std::{
    process::{self, ExitCode},
    time::Duration,
};

use axum::{Extension, Router};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    api::Ready,
    config::{Env, Paths},
    model::{Code, Problem},
    security::Caller,
    task::Scope,
};
use audit::Via;
use compose::Components;
use lock::OwnUidListener;

/// How long what is going on gets to end when the agent stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long the engine gets after that to take away what previews share. On a busy machine one
/// container alone takes it seconds.
const SETTLE: Duration = Duration::from_secs(30);

/// A gateway that is full holds two descriptors a visitor, more than many shells let a program have
/// before it asks for more.
fn allow_open_files() {
    const WANTED: u64 = 8192;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    limit.current = Some(wanted);
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "fewer visitors than there is room for can be let in");
    }
}

/// Serve until told to stop. `report` is called once, when it is known how the start went.
pub fn run(env: &Env, paths: &Paths, report: impl FnOnce(Ready)) -> ExitCode {
    let instance = match AgentLock::claim(paths) {
        Ok(LockClaim::Held(instance)) => instance,
        Ok(LockClaim::AlreadyRunning) => {
            report(Ready::AlreadyRunning);
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(error.problem(), report),
    };
    forbid_dumps();
    if let Err(error) = log::start(&paths.agent_log(), env.log.as_deref()) {
        return failed(
            Problem::new(Code::Agent, format!("no log can be written: {error}")),
            report,
        );
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = process::id(),
        state = %paths.state_dir.display(),
        "the agent starts"
    );
    if instance.previous_crashed() {
        tracing::warn!(
            "the agent before this one did not stop by itself: it was killed or crashed"
        );
    }
    allow_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(
                Problem::new(Code::Agent, format!("no threads can be had: {error}")),
                report,
            );
        }
    };
    runtime.block_on(async {
        let scope = Scope::new();
        let listening = instance.listen().map_err(|error| error.problem());
        let built = listening.and_then(|listening| {
            Components::build(env, paths, &scope).map(|components| (listening, components))
        });
        match built {
            Ok(((listener, listening_lock), components)) => {
                let gateway_port = components.gateway.port();
                let instances = components.manager.list().len();
                tracing::info!(gateway_port, instances, "the agent is ready");
                report(Ready::Ready { pid: process::id() });
                serve(listener, components, scope).await;
                drop(listening_lock);
                tracing::info!("the agent has stopped; previews that are up run on");
                ExitCode::SUCCESS
            }
            Err(problem) => failed(problem, report),
        }
    })
}

/// A dump of this process, or of a program it starts for a tunnel, would hold credentials.
fn forbid_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // To lower a limit is always allowed; without it, dumps are as the host has set them up.
    let _ = setrlimit(Resource::Core, none);
}

fn failed(problem: Problem, report: impl FnOnce(Ready)) -> ExitCode {
    tracing::error!(
        code = problem.code.as_str(),
        "the agent cannot start: {}",
        problem.message
    );
    let code = ExitCode::from(problem.code.exit_code());
    report(Ready::Failed { problem });
    code
}

/// Stop listening, cancel, wait for at most the grace period. Instances go on in their containers.
async fn serve(listener: OwnUidListener, components: Components, scope: Scope) {
    let Components {
        manager,
        gateway,
        public_listeners,
        tokens,
        audit,
        remote,
        supabase,
    } = components;
    let stop = CancellationToken::new();
    let state = routes::AppState {
        manager: manager.clone(),
        supabase,
        scope: scope.clone(),
        started: Instant::now(),
        stop: stop.clone(),
        tokens,
        audit,
    };
    let router = routes::router(state.clone());
    if let Some(remote) = remote {
        let router = router.clone();
        scope.spawn(async move {
            if let Err(error) = remote.serve(router, state).await {
                tracing::error!(%error, "the API over TCP failed");
            }
        });
    }
    scope.spawn(async move {
        if let Err(error) = gateway.serve(&public_listeners).await {
            tracing::error!(%error, "the gateway failed");
        }
    });
    let maintenance = manager.clone();
    scope.spawn(async move { maintenance.run_maintenance().await });
    let bounder = manager.clone();
    scope.spawn(async move { bounder.run_retention().await });
    let spreader = manager.clone();
    scope.spawn(async move { spreader.run_cpu_isolation().await });
    let engine = manager.engine().clone();
    scope.spawn(async move {
        if let Err(error) = manager.sweep().await {
            tracing::warn!(%error, "what is recorded nowhere could not be removed");
        }
        manager.tunnel_service().reap().await;
    });
    let stopping = scope.clone();
    let served = axum::serve(listener, socket(router)).with_graceful_shutdown(async move {
        tokio::select! {
            () = stop.cancelled() => tracing::info!("the agent stops, as a client asked"),
            () = shutdown_signal() => tracing::info!("the agent stops, as a signal asked"),
        }
        // Open streams end by this, and axum waits for them.
        stopping.cancel();
    });
    let late = async {
        scope.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::error!(%error, "the socket failed");
        },
        // A reader that has stalled may hold its stream open for ever.
        () = late => tracing::warn!("open streams are cut"),
    }
    if !scope.close(GRACE).await {
        tracing::warn!("stopped with work still going on");
    }
    let Some(host) = engine.host() else { return };
    match tokio::time::timeout(SETTLE, host.retire()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "what previews share stays"),
        Err(_) => tracing::warn!("what previews share stays"),
    }
}

/// Whoever gets through there is of our own user.
fn socket(router: Router) -> Router {
    router
        .layer(Extension(Via::Socket))
        .layer(Extension(Caller::host()))
}

async fn shutdown_signal() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
