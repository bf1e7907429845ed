//! Tunnels: what there is, opening and closing one, and what each kind needs.

use axum::{Json, extract::State, response::Response};

use super::{
    House, Target,
    reply::Refusal,
    start::{follow, learn},
};
use crate::{
    api::{
        CheckTunnelsRequest, ClosedTunnelView, OpenTunnelRequest, TunnelCheckView,
        TunnelChecksView, TunnelVerdict, TunnelView, TunnelsView,
    },
    tunnel::{Check, Verdict},
};

pub async fn list(State(house): State<House>) -> Json<TunnelsView> {
    let all = house.manager.tunnels();
    Json(TunnelsView {
        tunnels: all
            .into_iter()
            .map(|(instance, name, now)| TunnelView {
                instance,
                name,
                now,
            })
            .collect(),
    })
}

pub async fn open(
    State(house): State<House>,
    Target(asked): Target,
    Json(request): Json<OpenTunnelRequest>,
) -> Result<Response, Refusal> {
    learn(&house, request.credentials).await?;
    let starting = house
        .manager
        .open_tunnel(asked.as_str(), request.kind)
        .await?;
    Ok(follow(&house, starting))
}

pub async fn close(
    State(house): State<House>,
    Target(asked): Target,
) -> Result<Json<ClosedTunnelView>, Refusal> {
    let (name, closed) = house.manager.close_tunnel(asked.as_str()).await?;
    Ok(Json(ClosedTunnelView { name, closed }))
}

pub async fn check(
    State(house): State<House>,
    Json(request): Json<CheckTunnelsRequest>,
) -> Result<Json<TunnelChecksView>, Refusal> {
    learn(&house, request.credentials).await?;
    let opener = house.manager.opener();
    let checks = opener.check(request.kind, request.online).await;
    Ok(Json(TunnelChecksView {
        checks: checks.into_iter().map(view).collect(),
    }))
}

fn view(check: Check) -> TunnelCheckView {
    TunnelCheckView {
        kind: check.kind,
        verdict: match check.verdict {
            Verdict::Good => TunnelVerdict::Good,
            Verdict::Doubtful => TunnelVerdict::Doubtful,
            Verdict::Absent => TunnelVerdict::Absent,
            Verdict::Bad => TunnelVerdict::Bad,
        },
        detail: check.detail,
        fix: check.fix,
    }
}
