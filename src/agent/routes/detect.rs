//! `detect`: what a project is taken for, and why.

use axum::{Json, extract::State};

use super::{House, reply::Refusal, start::source};
use crate::{api::DetectRequest, model::DetectReport};

pub async fn detect(
    State(house): State<House>,
    Json(request): Json<DetectRequest>,
) -> Result<Json<DetectReport>, Refusal> {
    Ok(Json(
        house
            .manager
            .detect(&source(&house, request.source, None), request.options)
            .await?,
    ))
}
