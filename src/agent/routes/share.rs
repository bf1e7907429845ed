//! Who may visit an instance from outside: what there is, giving a link, taking links back.

use axum::{Extension, Json, extract::State};
use jiff::Timestamp;

use super::{AppState, Target, reply::Refusal};
use crate::{
    api::{
        LinkState, LinkView, NewLinkRequest, NewLinkView, OwnLinkView, RevokeRequest, RevokedView,
        ShareView, SharesView,
    },
    lifecycle::{InstanceShares, LinkSelection},
    model::Grant,
    security::Caller,
};

pub async fn list(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<SharesView>, Refusal> {
    let all = state.manager.shares(&caller.scopes.reach).await?;
    Ok(Json(SharesView {
        shares: all.into_iter().map(view).collect(),
    }))
}

pub async fn show(
    State(state): State<AppState>,
    Target(asked): Target,
) -> Result<Json<SharesView>, Refusal> {
    let one = state.manager.shares_of(asked.as_str()).await?;
    Ok(Json(SharesView {
        shares: vec![view(one)],
    }))
}

pub async fn new(
    State(state): State<AppState>,
    Target(asked): Target,
    Json(request): Json<NewLinkRequest>,
) -> Result<Json<NewLinkView>, Refusal> {
    let NewLinkRequest { label, expires } = request;
    let shared = state
        .manager
        .create_link(asked.as_str(), label, expires)
        .await?;
    Ok(Json(NewLinkView {
        name: shared.name,
        link: shared.link,
        id: shared.grant.id,
        expires: shared.grant.expires,
    }))
}

pub async fn own(
    State(state): State<AppState>,
    Target(asked): Target,
) -> Result<Json<OwnLinkView>, Refusal> {
    let (name, url, link) = state.manager.owner_link(asked.as_str()).await?;
    Ok(Json(OwnLinkView { name, url, link }))
}

pub async fn revoke(
    State(state): State<AppState>,
    Target(asked): Target,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<RevokedView>, Refusal> {
    let which = if request.all {
        LinkSelection::All
    } else {
        LinkSelection::These(request.links)
    };
    let (_, revoked) = state.manager.revoke_links(asked.as_str(), &which).await?;
    Ok(Json(RevokedView { revoked }))
}

fn view(of: InstanceShares) -> ShareView {
    let now = Timestamp::now();
    let public = of.shares.public.filter(|public| public.is_live(now));
    ShareView {
        instance: of.id,
        name: of.name,
        public: public.is_some(),
        public_until: public.and_then(|public| public.expires),
        ports: of.shares.ports,
        links: of
            .shares
            .grants
            .into_iter()
            .map(|grant| link(grant, now))
            .collect(),
    }
}

fn link(grant: Grant, now: Timestamp) -> LinkView {
    let state = match (grant.revoked, grant.is_live(now)) {
        (_, true) => LinkState::Good,
        (Some(_), false) => LinkState::Revoked,
        (None, false) => LinkState::Expired,
    };
    LinkView {
        id: grant.id,
        label: grant.label,
        state,
        created: grant.created,
        expires: grant.expires,
        revoked: grant.revoked,
    }
}
