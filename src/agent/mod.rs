//! The agent: one process a user that owns every instance.

mod instance;

pub use instance::{Claim, Instance, InstanceError, Owned};

use std::{
    process::{self, ExitCode},
    sync::Arc,
};

use axum::{Json, Router, extract::State, routing};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{API_VERSION, Hello, Ready, path},
    config::{Env, Paths},
    model::{Code, Problem},
};

struct Shared {
    stop: CancellationToken,
    since: Instant,
}

/// Serve until told to stop. `say` is called once, when it is known how the start went.
pub fn run(_env: Env, paths: &Paths, say: impl FnOnce(Ready)) -> ExitCode {
    let instance = match Instance::claim(paths) {
        Ok(Claim::Held(instance)) => instance,
        Ok(Claim::AlreadyRunning) => {
            say(Ready::AlreadyRunning);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            say(Ready::Failed {
                problem: error.problem(),
            });
            return ExitCode::from(Code::Agent.exit_code());
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let problem = Problem::new(Code::Agent, format!("no threads can be had: {error}"));
            say(Ready::Failed { problem });
            return ExitCode::from(Code::Agent.exit_code());
        }
    };
    runtime.block_on(serve(instance, say))
}

async fn serve(instance: Instance, say: impl FnOnce(Ready)) -> ExitCode {
    let (listener, claim) = match instance.listen() {
        Ok(parts) => parts,
        Err(error) => {
            say(Ready::Failed {
                problem: error.problem(),
            });
            return ExitCode::from(Code::Agent.exit_code());
        }
    };
    let shared = Arc::new(Shared {
        stop: CancellationToken::new(),
        since: Instant::now(),
    });
    let stop = shared.stop.clone();
    let router = Router::new()
        .route(path::HELLO, routing::get(hello))
        .route(path::SHUTDOWN, routing::post(shutdown))
        .with_state(shared);
    say(Ready::Ready { pid: process::id() });
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = signalled() => {}
            }
        })
        .await;
    drop(claim);
    if served.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn hello(State(shared): State<Arc<Shared>>) -> Json<Hello> {
    Json(Hello {
        api: API_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: process::id(),
        gateway_port: 0,
        instances: 0,
        uptime_seconds: shared.since.elapsed().as_secs(),
        engine: None,
    })
}

async fn shutdown(State(shared): State<Arc<Shared>>) {
    shared.stop.cancel();
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
