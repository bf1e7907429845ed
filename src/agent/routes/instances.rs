//! Instances: what there is, and one of them.

use axum::{
    Json,
    extract::{Path, State},
};

use super::{House, reply::Refusal};
use crate::{
    api::{InstanceView, InstancesView, SourceRef},
    store::{Record, Source},
};

pub async fn list(State(house): State<House>) -> Json<InstancesView> {
    Json(InstancesView {
        instances: house
            .manager
            .list()
            .into_iter()
            .map(|record| with_tunnel(&house, record))
            .collect(),
    })
}

pub async fn show(
    State(house): State<House>,
    Path(asked): Path<String>,
) -> Result<Json<InstanceView>, Refusal> {
    let mut shown = with_tunnel(&house, house.manager.show(&asked)?);
    if shown.phase.urls().is_some() {
        // A sample that cannot be had is left out; the rest is still true.
        shown.usage = house.manager.engine().usage(&shown.id).await.ok();
    }
    Ok(Json(shown))
}

pub fn with_tunnel(house: &House, record: Record) -> InstanceView {
    let tunnel = house.manager.tunnel_of(&record.id);
    InstanceView {
        tunnel,
        ..view(record)
    }
}

fn view(record: Record) -> InstanceView {
    InstanceView {
        id: record.id,
        name: record.name,
        source: match record.source {
            Source::Local { directory } => SourceRef::Local { directory },
        },
        phase: record.phase,
        template: record.plan.as_ref().map(|plan| plan.template.clone()),
        image: record.plan.as_ref().map(|plan| plan.image.to_string()),
        generation: record.generation,
        limits: record.limits,
        created: record.created,
        tunnel: None,
        usage: None,
    }
}
