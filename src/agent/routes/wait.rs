//! `wait`: answer once an instance is ready.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State},
};

use super::{AppState, Target, reply::Refusal, status::with_tunnel};
use crate::{
    api::{InstanceView, WaitQuery},
    lifecycle::LifecycleError,
    model::Phase,
};

pub async fn wait(
    State(state): State<AppState>,
    Target(asked): Target,
    Query(query): Query<WaitQuery>,
) -> Result<Json<InstanceView>, Refusal> {
    let settled = state.manager.wait(asked.as_str());
    let record = match query.timeout_ms.map(Duration::from_millis) {
        None => settled.await?,
        Some(waited) => {
            let Ok(record) = tokio::time::timeout(waited, settled).await else {
                let record = state.manager.show(asked.as_str())?;
                let (name, phase) = (record.name.to_string(), record.phase.kind());
                return Err(LifecycleError::WaitTimedOut {
                    name,
                    waited,
                    phase,
                }
                .into());
            };
            record?
        }
    };
    match record.phase {
        Phase::Failed { cause, .. } => Err(Refusal(cause)),
        _ => Ok(Json(with_tunnel(&state, record))),
    }
}
