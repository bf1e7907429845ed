//! Tunnels: what there is, opening and closing one, and what each kind needs.

use axum::{Json, extract::State, response::Response};

use super::{
    AppState, Target,
    reply::Refusal,
    up::{follow, learn},
};
use crate::{
    api::{
        CheckTunnelsRequest, ClosedTunnelView, OpenTunnelRequest, TunnelCheckView,
        TunnelChecksView, TunnelVerdict, TunnelView, TunnelsView,
    },
    tunnel::{Check, Verdict},
};

pub async fn list(State(state): State<AppState>) -> Json<TunnelsView> {
    let all = state.manager.tunnels();
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
    State(state): State<AppState>,
    Target(asked): Target,
    Json(request): Json<OpenTunnelRequest>,
) -> Result<Response, Refusal> {
    learn(&state, &request.credentials).await?;
    let starting = state
        .manager
        .open_tunnel(asked.as_str(), request.kind)
        .await?;
    Ok(follow(&state, starting))
}

pub async fn close(
    State(state): State<AppState>,
    Target(asked): Target,
) -> Result<Json<ClosedTunnelView>, Refusal> {
    let (name, closed) = state.manager.close_tunnel(asked.as_str()).await?;
    Ok(Json(ClosedTunnelView { name, closed }))
}

pub async fn check(
    State(state): State<AppState>,
    Json(request): Json<CheckTunnelsRequest>,
) -> Result<Json<TunnelChecksView>, Refusal> {
    learn(&state, &request.credentials).await?;
    let opener = state.manager.tunnel_service();
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
