//! The agent: one process a user that owns every instance.

mod audit;
mod instance;
mod log;
mod remote;
mod rooms;
mod routes;
mod tokens;
mod vault;

pub use audit::Audit;
pub use instance::{Claim, Instance, InstanceError, Owned};
pub use remote::{Given, Remote, RemoteError};
pub use routes::{House, ROUTES, Route, router};
pub use tokens::{TokenError, Tokens};

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
use instance::Owners;
use rooms::Rooms;

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

/// Serve until told to stop. `say` is called once, when it is known how the start went.
pub fn run(env: &Env, paths: &Paths, say: impl FnOnce(Ready)) -> ExitCode {
    let instance = match Instance::claim(paths) {
        Ok(Claim::Held(instance)) => instance,
        Ok(Claim::AlreadyRunning) => {
            say(Ready::AlreadyRunning);
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(error.problem(), say),
    };
    forbid_dumps();
    if let Err(error) = log::start(&paths.agent_log(), env.log.as_deref()) {
        return failed(
            Problem::new(Code::Agent, format!("no log can be written: {error}")),
            say,
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
                say,
            );
        }
    };
    runtime.block_on(async {
        let scope = Scope::new();
        let listening = instance.listen().map_err(|error| error.problem());
        let built = listening
            .and_then(|listening| Rooms::build(env, paths, &scope).map(|rooms| (listening, rooms)));
        match built {
            Ok(((listener, owned), rooms)) => {
                say(Ready::Ready { pid: process::id() });
                serve(listener, rooms, scope).await;
                drop(owned);
                ExitCode::SUCCESS
            }
            Err(problem) => failed(problem, say),
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

fn failed(problem: Problem, say: impl FnOnce(Ready)) -> ExitCode {
    let code = ExitCode::from(problem.code.exit_code());
    say(Ready::Failed { problem });
    code
}

/// Stop listening, cancel, wait for at most the grace period. Instances go on in their containers.
async fn serve(listener: Owners, rooms: Rooms, scope: Scope) {
    let Rooms {
        manager,
        gateway,
        entrances,
        tokens,
        audit,
        remote,
    } = rooms;
    let stop = CancellationToken::new();
    let house = routes::House {
        manager: manager.clone(),
        scope: scope.clone(),
        started: Instant::now(),
        stop: stop.clone(),
        tokens,
        audit,
    };
    let router = routes::router(house.clone());
    if let Some(remote) = remote {
        let router = router.clone();
        scope.spawn(async move {
            if let Err(error) = remote.serve(router, house).await {
                tracing::error!(%error, "the API over TCP failed");
            }
        });
    }
    scope.spawn(async move {
        if let Err(error) = gateway.serve(&entrances).await {
            tracing::error!(%error, "the gateway failed");
        }
    });
    let keeper = manager.clone();
    scope.spawn(async move { keeper.keep().await });
    let bounder = manager.clone();
    scope.spawn(async move { bounder.bound_kept().await });
    let spreader = manager.clone();
    scope.spawn(async move { spreader.keep_apart().await });
    let engine = manager.engine().clone();
    scope.spawn(async move {
        if let Err(error) = manager.sweep().await {
            tracing::warn!(%error, "what is recorded nowhere could not be removed");
        }
        manager.opener().reap().await;
    });
    let stopping = scope.clone();
    let served = axum::serve(listener, socket(router)).with_graceful_shutdown(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = signalled() => {}
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
    match tokio::time::timeout(SETTLE, engine.retire()).await {
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

async fn signalled() {
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
