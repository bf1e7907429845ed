//! `down`: take instances away.

use axum::{Extension, Json, extract::State};

use super::{AppState, reply::Refusal, status::sees};
use crate::{
    api::{DownRequest, DownView},
    lifecycle::LifecycleError,
    model::Name,
    security::Caller,
};

pub async fn stop(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<DownRequest>,
) -> Result<Json<DownView>, Refusal> {
    let asked = if request.all {
        state
            .manager
            .list()
            .into_iter()
            .filter(|record| sees(&caller, record))
            .map(|record| record.id.to_string())
            .collect()
    } else {
        request.instances
    };
    // Beside one another, for each may take its whole grace; one that fails stops no other.
    let downs = asked
        .iter()
        .map(|one| down(&state, &caller, one, request.purge));
    let mut stopped = Vec::new();
    let mut failed = None;
    for done in futures_util::future::join_all(downs).await {
        match done {
            Ok((name, was_up)) if was_up || request.purge => stopped.push(name),
            Ok(_) => {}
            // Somebody else took it away meanwhile.
            Err(LifecycleError::NotFound { .. }) if request.all => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(Json(DownView { stopped })),
    }
}

async fn down(
    state: &AppState,
    caller: &Caller,
    asked: &str,
    purge: bool,
) -> Result<(Name, bool), LifecycleError> {
    let id = state.manager.resolve(&caller.scopes.reach, asked)?;
    state.manager.down(id.as_str(), purge).await
}
