//! The agent itself: who it is, and its end.

use axum::{
    Json,
    extract::{Query, State},
};
use http::StatusCode;

use super::House;
use crate::api::{API_VERSION, EngineView, Hello, HelloQuery};

/// Asked before every command, so the engine is only asked in turn when the caller wants that.
pub async fn hello(State(house): State<House>, Query(query): Query<HelloQuery>) -> Json<Hello> {
    let engine = if query.engine {
        house.manager.engine().probe().await.ok()
    } else {
        None
    };
    Json(Hello {
        api: API_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        gateway_port: house.manager.gateway_port(),
        instances: house.manager.list().len(),
        uptime_seconds: house.started.elapsed().as_secs(),
        engine: engine.map(|info| EngineView {
            product: info.product,
            api: info.api,
            endpoint: info.endpoint,
        }),
    })
}

/// Instances go on without an agent; the next one takes them up.
pub async fn shutdown(State(house): State<House>) -> StatusCode {
    house.stop.cancel();
    StatusCode::ACCEPTED
}
