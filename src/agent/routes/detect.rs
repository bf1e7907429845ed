//! `detect`: what a project is taken for, and why.

use axum::{Extension, Json, extract::State};

use super::{
    AppState,
    reply::Refusal,
    up::{check_reach, source},
};
use crate::{
    api::DetectRequest,
    model::{DetectReport, InstanceId},
    security::Caller,
    store::SourceRecord,
};

pub async fn detect(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<DetectRequest>,
) -> Result<Json<DetectReport>, Refusal> {
    let source = source(&state, &caller, request.source, None)?;
    check_reach(&state, &caller, &id(&caller, &source))?;
    Ok(Json(state.manager.detect(&source, request.options).await?))
}

/// The instance that would be made of it.
fn id(caller: &Caller, source: &SourceRecord) -> InstanceId {
    let id = source.instance_id(None);
    match &caller.owner {
        Some(owner) => id.of_owner(owner),
        None => id,
    }
}
