//! Previews that keep CPUs busy, and those that somebody visits meanwhile, run on different ones.
//!
//! Where both are runnable on one CPU, a scheduler's tick of 4 ms may pass before the one that is
//! visited gets it, whatever their shares: a few of each hundred requests waited for that. Limits hold
//! how much CPU a preview gets, and this where. It costs nothing while nobody visits, or while one
//! preview is up alone.

mod cpu_bound;
mod placement;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{
    engine::{Capability, EngineError, HostEngine},
    lifecycle::{Manager, manager::handle::Handle},
    model::{CpuSet, InstanceId, PhaseKind},
    store::Intent,
};
use cpu_bound::CpuBound;
use placement::{CpuDemand, exempt, place};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// So long somebody counts as there after the last request.
const VISITED: Duration = Duration::from_mins(1);

/// One container of an instance.
type Container = (InstanceId, u64);

/// A preview that has a container.
struct CpuCandidate {
    container: Container,
    cpus: u32,
    visited: bool,
}

/// Where everybody is.
#[derive(Default)]
struct CpuPlacement {
    busy: CpuBound,
    /// Who counts as quiet although it is busy.
    exempt: Option<InstanceId>,
    /// Whoever is not everywhere.
    placed: BTreeMap<Container, CpuSet>,
    /// Where an earlier agent put these is not known.
    unsure: BTreeSet<Container>,
    /// The engine would not.
    unmovable: BTreeSet<Container>,
}

impl Manager {
    /// Keep them apart until the agent stops. Does nothing where the engine has no host of its own,
    /// or cannot say who is busy.
    pub async fn run_cpu_isolation(&self) {
        let engine = &self.context.engine;
        let Some(host) = engine.host() else { return };
        if !engine.capabilities().has(Capability::Usage) {
            return;
        }
        let stopping = self.scope.token();
        let mut placement = CpuPlacement::default();
        placement
            .unsure
            .extend(self.candidates().into_iter().map(|it| it.container));
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                done = self.isolate_cpus(host, &mut placement) => if let Err(error) = done {
                    tracing::debug!(%error, "previews are where they were");
                }
            }
        }
    }

    async fn isolate_cpus(
        &self,
        host: &dyn HostEngine,
        placement: &mut CpuPlacement,
    ) -> Result<(), EngineError> {
        let candidates = self.candidates();
        placement.forget(&candidates);
        let anybody = candidates.len() > 1 && candidates.iter().any(|candidate| candidate.visited);
        if !anybody && placement.placed.is_empty() && placement.unsure.is_empty() {
            return Ok(());
        }
        let engine = &self.context.engine;
        let cpus = engine.abilities().await?.cpus;
        if cpus < 2 {
            return Ok(());
        }
        let used = if anybody {
            join_all(candidates.iter().map(|it| engine.usage(&it.container.0))).await
        } else {
            Vec::new()
        };
        let now = Instant::now();
        let mut used = used.into_iter();
        let demand = |candidate: &CpuCandidate| {
            // One that cannot be measured has gone, most often.
            let percent = used
                .next()
                .and_then(Result::ok)
                .map_or(0.0, |it| it.cpu_percent);
            let id = candidate.container.0.clone();
            CpuDemand {
                busy: placement.busy.note(&id, percent, now),
                id,
                percent,
                cpus: candidate.cpus,
                visited: candidate.visited,
            }
        };
        let demands: Vec<CpuDemand> = candidates.iter().map(demand).collect();
        placement.exempt = exempt(&demands, placement.exempt.as_ref());
        let mut places = place(cpus, &demands, placement.exempt.as_ref());
        for CpuCandidate { container, .. } in candidates {
            let Some(place) = places.remove(&container.0) else {
                continue;
            };
            if placement.is_at(&container, &place, cpus) {
                continue;
            }
            tracing::debug!(instance = %container.0, cpus = %place, "moved");
            let moved = host.run_on(&container.0, &place).await;
            placement.note(container, place, cpus, moved)?;
        }
        Ok(())
    }

    fn candidates(&self) -> Vec<CpuCandidate> {
        let now = Instant::now();
        let all = self.lock();
        let candidate = |(id, handle): (&InstanceId, &Handle)| {
            let record = handle.view.borrow();
            let has_none = matches!(record.phase.kind(), PhaseKind::Creating | PhaseKind::Asleep);
            if record.intent == Intent::Down || has_none || !handle.exists() {
                return None;
            }
            let load = handle.activity.load();
            let open = load.requests + load.sockets > 0;
            Some(CpuCandidate {
                container: (id.clone(), record.generation),
                cpus: whole(record.limits.cpus),
                visited: open || now < handle.activity.last() + VISITED,
            })
        };
        all.iter().filter_map(candidate).collect()
    }
}

impl CpuPlacement {
    fn forget(&mut self, candidates: &[CpuCandidate]) {
        let is_there =
            |container: &Container| candidates.iter().any(|it| it.container == *container);
        self.placed.retain(|container, _| is_there(container));
        self.unsure.retain(is_there);
        self.unmovable.retain(is_there);
        self.busy
            .retain_only(|id| candidates.iter().any(|it| it.container.0 == *id));
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
