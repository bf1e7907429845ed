//! Tokens for the API over TCP: made, listed and revoked.

use axum::{Json, extract::State};
use jiff::Timestamp;

use super::{AppState, reply::Refusal};
use crate::{
    agent::tokens::TokenError,
    api::{
        NewTokenRequest, NewTokenView, RevokeTokenRequest, RevokedTokenView, TokenView, TokensView,
    },
    security::Reach,
    store::TokenRecord,
};

pub async fn list(State(state): State<AppState>) -> Json<TokensView> {
    Json(TokensView {
        tokens: state.tokens.list().into_iter().map(view).collect(),
    })
}

pub async fn new(
    State(state): State<AppState>,
    Json(request): Json<NewTokenRequest>,
) -> Result<Json<NewTokenView>, Refusal> {
    let instance = match &request.instance {
        Some(asked) => Some(state.manager.resolve(&Reach::All, asked)?),
        None => None,
    };
    let wanted = TokenRecord {
        id: String::new(),
        hash: String::new(),
        note: request.note,
        manage: request.manage,
        instance,
        local_dirs: request.local_dirs,
        created: Timestamp::now(),
        expires: request.expires,
    };
    let (token, record) = state.tokens.add(wanted).await?;
    Ok(Json(NewTokenView {
        token,
        about: view(record),
    }))
}

pub async fn revoke(
    State(state): State<AppState>,
    Json(request): Json<RevokeTokenRequest>,
) -> Result<Json<RevokedTokenView>, Refusal> {
    let changed = state.tokens.revoke(&request.id).await?;
    Ok(Json(RevokedTokenView {
        id: request.id,
        changed,
    }))
}

fn view(record: TokenRecord) -> TokenView {
    TokenView {
        id: record.id,
        note: record.note,
        manage: record.manage,
        instance: record.instance.map(|id| id.to_string()),
        local_dirs: record.local_dirs,
        created: record.created,
        expires: record.expires,
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self(error.problem())
    }
}
