//! Who may visit an instance from outside: what there is, giving a link, taking links back.

use axum::{Extension, Json, extract::State};
use jiff::Timestamp;

use super::{House, Target, reply::Refusal};
use crate::{
    api::{
        LinkState, LinkView, NewLinkRequest, NewLinkView, OwnLinkView, RevokeRequest, RevokedView,
        ShareView, SharesView,
    },
    lifecycle::{Revoked, SharesOf},
    model::Grant,
    security::Caller,
};

pub async fn list(
    State(house): State<House>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<SharesView>, Refusal> {
    let all = house.manager.shares(&caller.scopes.reach).await?;
    Ok(Json(SharesView {
        shares: all.into_iter().map(view).collect(),
    }))
}

pub async fn show(
    State(house): State<House>,
    Target(asked): Target,
) -> Result<Json<SharesView>, Refusal> {
    let one = house.manager.shares_of(asked.as_str()).await?;
    Ok(Json(SharesView {
        shares: vec![view(one)],
    }))
}

pub async fn new(
    State(house): State<House>,
    Target(asked): Target,
    Json(request): Json<NewLinkRequest>,
) -> Result<Json<NewLinkView>, Refusal> {
    let NewLinkRequest { label, expires } = request;
    let given = house
        .manager
        .give_link(asked.as_str(), label, expires)
        .await?;
    Ok(Json(NewLinkView {
        name: given.name,
        link: given.link,
        id: given.grant.id,
        expires: given.grant.expires,
    }))
}

pub async fn own(
    State(house): State<House>,
    Target(asked): Target,
) -> Result<Json<OwnLinkView>, Refusal> {
    let (name, url, link) = house.manager.own_link(asked.as_str()).await?;
    Ok(Json(OwnLinkView { name, url, link }))
}

pub async fn revoke(
    State(house): State<House>,
    Target(asked): Target,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<RevokedView>, Refusal> {
    let which = if request.all {
        Revoked::All
    } else {
        Revoked::These(request.links)
    };
    let (_, revoked) = house.manager.revoke_links(asked.as_str(), &which).await?;
    Ok(Json(RevokedView { revoked }))
}

fn view(of: SharesOf) -> ShareView {
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
