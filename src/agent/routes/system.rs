//! The agent itself: who it is, and its end.

use axum::{
    Extension, Json,
    extract::{Query, State},
};
use http::StatusCode;

use super::{AppState, status::sees};
use crate::{
    api::{API_VERSION, EngineView, Hello, HelloQuery},
    config::Surroundings,
    security::{Caller, Right},
};

/// Asked before every command, so the engine is only asked in turn when the caller wants that.
/// Whoever has no right to the host learns nothing of it.
pub async fn hello(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HelloQuery>,
) -> Json<Hello> {
    let of_host = caller.may(Right::ReadHost);
    let engine = if query.engine && of_host {
        state.manager.engine().probe().await.ok()
    } else {
        None
    };
    Json(Hello {
        api: API_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: if of_host { std::process::id() } else { 0 },
        gateway_port: state.manager.gateway_port(),
        instances: state
            .manager
            .list()
            .iter()
            .filter(|record| sees(&caller, record))
            .count(),
        uptime_seconds: state.started.elapsed().as_secs(),
        surroundings: of_host.then(|| Surroundings::of_this_process().as_map().clone()),
        engine: engine.map(|info| EngineView {
            product: info.product,
            api: info.api,
            endpoint: info.endpoint,
        }),
    })
}

/// Instances go on without an agent; the next one takes them up.
pub async fn shutdown(State(state): State<AppState>) -> StatusCode {
    state.stop.cancel();
    StatusCode::ACCEPTED
}
