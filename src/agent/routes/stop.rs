//! `down`: take instances away.

use axum::{Json, extract::State};

use super::{House, reply::Refusal};
use crate::api::{DownRequest, DownView};

pub async fn stop(
    State(house): State<House>,
    Json(request): Json<DownRequest>,
) -> Result<Json<DownView>, Refusal> {
    let asked = if request.all {
        house
            .manager
            .list()
            .into_iter()
            .map(|record| record.id.to_string())
            .collect()
    } else {
        request.instances
    };
    let mut stopped = Vec::new();
    for one in asked {
        let (name, was_up) = house.manager.down(&one, request.purge).await?;
        if was_up || request.purge {
            stopped.push(name);
        }
    }
    Ok(Json(DownView { stopped }))
}
