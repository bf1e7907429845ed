//! Previews that keep CPUs busy, and those that somebody visits meanwhile, run on different ones.
//!
//! Where both are runnable on one CPU, a scheduler's tick of 4 ms may pass before the one that is
//! visited gets it, whatever their shares: a few of each hundred requests waited for that. Limits hold
//! how much CPU a preview gets, and this where. It costs nothing while nobody visits, or while one
//! preview is up alone.

mod busy;
mod place;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::Manager;
use crate::{
    engine::EngineError,
    model::{CpuSet, InstanceId, PhaseKind},
    store::Intent,
};
use busy::Busy;
use place::{Seat, place, spared};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// So long somebody counts as there after the last request.
const VISITED: Duration = Duration::from_secs(60);

/// One container of an instance.
type Container = (InstanceId, u64);

/// A preview that has a container.
struct Tenant {
    container: Container,
    cpus: u32,
    visited: bool,
}

/// Where everybody is.
#[derive(Default)]
struct Apart {
    busy: Busy,
    /// Who counts as quiet although it is busy.
    spared: Option<InstanceId>,
    /// Whoever is not everywhere.
    placed: BTreeMap<Container, CpuSet>,
    /// Where an earlier agent put these is not known.
    unsure: BTreeSet<Container>,
    /// The engine would not.
    unmovable: BTreeSet<Container>,
}

impl Manager {
    /// Keep them apart until the agent stops.
    pub async fn keep_apart(&self) {
        let stopping = self.scope.token();
        let mut apart = Apart::default();
        apart
            .unsure
            .extend(self.tenants().into_iter().map(|it| it.container));
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                done = self.look_at_cpus(&mut apart) => if let Err(error) = done {
                    tracing::debug!(%error, "previews are where they were");
                }
            }
        }
    }

    async fn look_at_cpus(&self, apart: &mut Apart) -> Result<(), EngineError> {
        let tenants = self.tenants();
        apart.forget(&tenants);
        let anybody = tenants.len() > 1 && tenants.iter().any(|tenant| tenant.visited);
        if !anybody && apart.placed.is_empty() && apart.unsure.is_empty() {
            return Ok(());
        }
        let engine = &self.house.engine;
        let cpus = engine.abilities().await?.cpus;
        if cpus < 2 {
            return Ok(());
        }
        let used = if anybody {
            join_all(tenants.iter().map(|it| engine.usage(&it.container.0))).await
        } else {
            Vec::new()
        };
        let now = Instant::now();
        let mut used = used.into_iter();
        let seat = |tenant: &Tenant| {
            // One that cannot be measured has gone, most often.
            let percent = used
                .next()
                .and_then(Result::ok)
                .map_or(0.0, |it| it.cpu_percent);
            let id = tenant.container.0.clone();
            Seat {
                busy: apart.busy.note(&id, percent, now),
                id,
                percent,
                cpus: tenant.cpus,
                visited: tenant.visited,
            }
        };
        let seats: Vec<Seat> = tenants.iter().map(seat).collect();
        apart.spared = spared(&seats, apart.spared.as_ref());
        let mut places = place(cpus, &seats, apart.spared.as_ref());
        for Tenant { container, .. } in tenants {
            let Some(place) = places.remove(&container.0) else {
                continue;
            };
            if apart.is_at(&container, &place, cpus) {
                continue;
            }
            tracing::debug!(instance = %container.0, cpus = %place, "moved");
            let moved = engine.run_on(&container.0, &place).await;
            apart.note(container, place, cpus, moved)?;
        }
        Ok(())
    }

    fn tenants(&self) -> Vec<Tenant> {
        let now = Instant::now();
        let all = self.lock();
        let tenant = |(id, handle): (&InstanceId, &super::Handle)| {
            let record = handle.view.borrow();
            let has_none = matches!(record.phase.kind(), PhaseKind::Creating | PhaseKind::Asleep);
            if record.intent == Intent::Down || has_none || !handle.exists() {
                return None;
            }
            let load = handle.activity.load();
            let open = load.requests + load.sockets > 0;
            Some(Tenant {
                container: (id.clone(), record.generation),
                cpus: whole(record.limits.cpus),
                visited: open || now < handle.activity.last() + VISITED,
            })
        };
        all.iter().filter_map(tenant).collect()
    }
}

impl Apart {
    fn forget(&mut self, tenants: &[Tenant]) {
        let is_there = |container: &Container| tenants.iter().any(|it| it.container == *container);
        self.placed.retain(|container, _| is_there(container));
        self.unsure.retain(is_there);
        self.unmovable.retain(is_there);
        self.busy
            .keep(|id| tenants.iter().any(|it| it.container.0 == *id));
    }

    fn is_at(&self, container: &Container, set: &CpuSet, cpus: u32) -> bool {
        if self.unmovable.contains(container) {
            return true;
        }
        let at = self
            .placed
            .get(container)
            .cloned()
            .unwrap_or_else(|| CpuSet::all(cpus));
        at == *set && !self.unsure.contains(container)
    }

    fn note(
        &mut self,
        container: Container,
        set: CpuSet,
        cpus: u32,
        moved: Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match moved {
            Ok(()) => {
                self.unsure.remove(&container);
                if set == CpuSet::all(cpus) {
                    self.placed.remove(&container);
                } else {
                    self.placed.insert(container, set);
                }
            }
            // Another has taken its place, or will have: one that is made anew is everywhere.
            Err(EngineError::Missing { .. }) => {
                self.unsure.remove(&container);
            }
            Err(error @ EngineError::Refused { .. }) => {
                tracing::warn!(instance = %container.0, %error, "it shares its CPUs with all others");
                self.unmovable.insert(container);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// CPUs that a limit lets a preview use at once.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "limits are positive and no more than there are CPUs"
)]
fn whole(cpus: f64) -> u32 {
    cpus.ceil().max(1.0) as u32
}
