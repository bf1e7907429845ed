//! What the engine does beside, as one with a host.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use codemate_preview::{
    engine::{CutOff, Engine, EngineError, HostEngine, Leftover, LeftoverKind, Result},
    model::{CpuSet, ImageRef, InstanceId},
};

use super::{FakeEngine, OwnerId, Running};

#[async_trait]
impl HostEngine for FakeEngine {
    fn needs(&self) -> Vec<ImageRef> {
        Vec::new()
    }

    async fn guard(&self) -> Result<Vec<CutOff>> {
        Ok(Vec::new())
    }

    async fn retire(&self) -> Result<()> {
        Ok(())
    }

    async fn run_on(&self, id: &InstanceId, _cpus: &CpuSet) -> Result<()> {
        self.with(id, |_| ())
    }

    /// The homes of what does not run.
    async fn leftovers(&self) -> Result<Vec<Leftover>> {
        if self.busy.load(Ordering::Relaxed) {
            return Err(EngineError::Busy {
                operation: "tell what its disk holds".to_owned(),
            });
        }
        let running = self.shared.running.lock().unwrap();
        let homes = self.shared.homes.lock().unwrap();
        let idle = homes.iter().filter(|(volume, (owner, _))| {
            let is_used = |one: &Running| one.spec.home_volume == **volume;
            *owner == self.owner && !running.values().any(is_used)
        });
        let leftover = |(volume, (_, id)): (&String, &(OwnerId, InstanceId))| Leftover {
            kind: LeftoverKind::Home { id: id.clone() },
            name: volume.clone(),
            bytes: 0,
        };
        Ok(idle.map(leftover).collect())
    }

    async fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        self.remove_home(&leftover.name).await
    }
}
