//! Sidecars made before they are needed. One is worth a third of a start.

use std::sync::{Arc, MutexGuard};

use super::{
    bridge::Claim,
    said,
    sidecar::{Sidecar, open_table},
    warden::Held,
};
use crate::{
    engine::{
        Result,
        docker::{Docker, client::Client},
        labels,
    },
    model::{ContainerSpec, Egress},
};

impl Docker {
    /// A sidecar for an instance: a spare if its egress is the usual and there is one.
    pub(in crate::engine::docker) async fn sidecar(
        &self,
        client: &Client,
        spec: &ContainerSpec,
    ) -> Result<Sidecar> {
        match &spec.sandbox.egress {
            Egress::None => self.make_closed(client, spec).await,
            Egress::Open => {
                let held = Box::pin(self.hold_host(client)).await?;
                if let Some(spare) = self.take_spare(client, &held).await? {
                    return Ok(spare);
                }
                self.make_sidecar(client, &held, &Egress::Open).await
            }
            egress @ Egress::Allow(_) => {
                let held = Box::pin(self.hold_host(client)).await?;
                self.make_sidecar(client, &held, egress).await
            }
        }
    }

    async fn take_spare(&self, client: &Client, held: &Arc<Held>) -> Result<Option<Sidecar>> {
        self.adopt_spares(client, held).await?;
        let mark = self.mark(&open_table(held));
        let mut next = self.pop_spare();
        if next.is_none() {
            let _being_made = self.inner.network.filling.lock().await;
            next = self.pop_spare();
        }
        while let Some(spare) = next {
            let now = said::look(client, &spare.claim.name).await?;
            let holds = now.is_some_and(|now| {
                now.running
                    && now.container == spare.container
                    && now.endpoint.as_ref() == Some(&spare.endpoint)
                    && now.rules.as_ref() == Some(&mark)
            });
            if holds {
                return Ok(Some(spare));
            }
            self.drop_sidecar(client, &spare.claim.name).await?;
            next = self.pop_spare();
        }
        Ok(None)
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Sidecar>> {
        let spares = &self.inner.network.spares;
        spares.lock().expect("no holder of this lock panics")
    }

    fn pop_spare(&self) -> Option<Sidecar> {
        self.spares().pop()
    }

    fn push_spare(&self, spare: Sidecar) -> usize {
        let mut spares = self.spares();
        spares.push(spare);
        spares.len()
    }

    pub(super) fn forget_spares(&self) -> Vec<Sidecar> {
        std::mem::take(&mut self.spares())
    }

    /// Once, before this agent gives out any: what an earlier one left ready is as good as new.
    pub(super) async fn adopt_spares(&self, client: &Client, held: &Arc<Held>) -> Result<()> {
        let mut adopted = self.inner.network.adopted.lock().await;
        if *adopted {
            return Ok(());
        }
        let mark = self.mark(&open_table(held));
        let apps = self.list(client, &[(labels::ROLE, "app")]).await?;
        for there in self.list(client, &[(labels::ROLE, "net")]).await? {
            let Some(name) = name_of(&there) else {
                continue;
            };
            let label = |name| there.labels.as_ref().and_then(|all| all.get(name));
            let in_use = apps.iter().any(|app| {
                let labels = app.labels.as_ref();
                labels.and_then(|all| all.get(labels::SIDECAR)) == Some(&name)
            });
            if in_use || label(labels::RULES) != Some(&mark) {
                continue;
            }
            let Some(run) = said::look(client, &name).await? else {
                continue;
            };
            // It holds, or it would have ended: the last thing it does is to say so.
            let said = said::until(client, &run, "ready ", std::time::Duration::from_secs(1)).await;
            if let (true, Ok(_), Some(claim)) = (
                run.running,
                said,
                Claim::take(&self.inner.network.busy, name),
            ) {
                self.push_spare(Sidecar {
                    claim,
                    container: run.container,
                    endpoint: run.endpoint.unwrap_or_default(),
                });
            }
        }
        *adopted = true;
        Ok(())
    }

    /// Make as many as there should be.
    pub(super) async fn fill_spares(&self, client: &Client, held: &Arc<Held>) -> Result<()> {
        let wanted = self.inner.settings.network.spares;
        loop {
            let _turn = self.inner.network.filling.lock().await;
            let there = self.spares().len();
            if there >= wanted {
                return Ok(());
            }
            let made = self.make_sidecar(client, held, &Egress::Open).await?;
            self.push_spare(made);
        }
    }
}

/// As it was given, without the slash that the engine puts before it.
pub fn name_of(container: &bollard::models::ContainerSummary) -> Option<String> {
    let name = container.names.as_ref()?.first()?;
    Some(name.trim_start_matches('/').to_owned())
}
