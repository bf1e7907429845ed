//! `probe`: a throw-away preview tries what this host's sandbox lets through.

use axum::{Json, extract::State};

use super::{AppState, reply::Refusal};
use crate::api::ProbeView;

pub async fn probe(State(state): State<AppState>) -> Result<Json<ProbeView>, Refusal> {
    let probed = state.manager.probe().await?;
    Ok(Json(ProbeView {
        rows: probed.rows,
        ms: u64::try_from(probed.took.as_millis()).unwrap_or(u64::MAX),
    }))
}
