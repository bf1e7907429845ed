//! Instances: what there is, and one of them.

use axum::{
    Extension, Json,
    extract::{Query, State},
};

use super::{AppState, Target, reply::Refusal};
use crate::{
    api::{InstanceQuery, InstanceView, InstancesView, SourceRef},
    security::Caller,
    store::{Record, SourceRecord},
};

pub async fn list(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Json<InstancesView> {
    Json(InstancesView {
        instances: state
            .manager
            .list()
            .into_iter()
            .filter(|record| sees(&caller, record))
            .map(|record| with_tunnel(&state, record))
            .collect(),
    })
}

pub async fn show(
    State(state): State<AppState>,
    Target(asked): Target,
    Query(query): Query<InstanceQuery>,
) -> Result<Json<InstanceView>, Refusal> {
    let mut shown = with_tunnel(&state, state.manager.show(asked.as_str())?);
    if shown.phase.urls().is_some() {
        shown.ports = state.manager.ports(&shown.name);
        if query.usage {
            // A sample that cannot be had is left out; the rest is still true.
            shown.usage = state.manager.engine().usage(&shown.id).await.ok();
        }
    }
    Ok(Json(shown))
}

pub fn sees(caller: &Caller, record: &Record) -> bool {
    let reach = &caller.scopes.reach;
    reach.holds(&record.id, record.owner.as_deref())
}

pub fn with_tunnel(state: &AppState, record: Record) -> InstanceView {
    let tunnel = state.manager.tunnel_of(&record.id);
    InstanceView {
        tunnel,
        ..view(record)
    }
}

fn view(record: Record) -> InstanceView {
    let is_up = record.phase.urls().is_some();
    let without_page = !record.has_page();
    InstanceView {
        id: record.id,
        name: record.name,
        source: match record.source {
            SourceRecord::Local { directory } => SourceRef::Local { directory },
            SourceRecord::Supabase { project, .. } => SourceRef::Supabase { project },
        },
        phase: record.phase,
        template: record.plan.as_ref().map(|plan| plan.template.clone()),
        image: record.plan.as_ref().map(|plan| plan.image.to_string()),
        generation: record.generation,
        limits: record.limits,
        created: record.created,
        last_exit: record.last_exit,
        tunnel: None,
        status: record.answered.filter(|_| is_up).map(|it| it.status),
        without_page,
        ports: Vec::new(),
        usage: None,
    }
}
