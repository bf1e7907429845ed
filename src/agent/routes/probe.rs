//! `probe`: a throw-away preview tries what this host's sandbox lets through.

use axum::{Json, extract::State};

use super::{House, reply::Refusal};
use crate::api::ProbeView;

pub async fn probe(State(house): State<House>) -> Result<Json<ProbeView>, Refusal> {
    let probed = house.manager.probe().await?;
    Ok(Json(ProbeView {
        rows: probed.rows,
        ms: u64::try_from(probed.took.as_millis()).unwrap_or(u64::MAX),
    }))
}
