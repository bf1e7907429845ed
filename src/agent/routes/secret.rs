//! Secrets of an instance: set, named, removed.

use axum::{Json, extract::State};

use super::{AppState, Target, reply::Refusal};
use crate::{
    api::{SecretView, SecretsRequest, SecretsView},
    store::InstanceSecrets,
};

pub async fn list(
    State(state): State<AppState>,
    Target(asked): Target,
) -> Result<Json<SecretsView>, Refusal> {
    let secrets = state.manager.secrets(asked).await?;
    Ok(Json(view(secrets, Vec::new(), false)))
}

pub async fn change(
    State(state): State<AppState>,
    Target(asked): Target,
    Json(request): Json<SecretsRequest>,
) -> Result<Json<SecretsView>, Refusal> {
    let mut changed: Vec<String> = request.set.keys().cloned().collect();
    let manager = &state.manager;
    let removed = manager
        .change_secrets(asked.clone(), request.set, request.remove)
        .await?;
    changed.extend(removed);
    let is_running = manager
        .show(asked.as_str())
        .is_ok_and(|record| record.phase.urls().is_some());
    Ok(Json(view(
        manager.secrets(asked).await?,
        changed,
        is_running,
    )))
}

fn view(secrets: InstanceSecrets, changed: Vec<String>, is_running: bool) -> SecretsView {
    let secrets = secrets.set.into_iter().map(|(name, secret)| SecretView {
        name,
        set: secret.at,
    });
    SecretsView {
        secrets: secrets.collect(),
        is_running: is_running && !changed.is_empty(),
        changed,
    }
}
