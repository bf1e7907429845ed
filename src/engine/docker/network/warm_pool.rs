//! The pool of ready sidecars. Making one takes a third of a start, so some are made beforehand.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::{
    bridge::NameClaim,
    container_status,
    host_firewall::HostFirewall,
    sidecar::{Sidecar, open_table},
};
use crate::{
    engine::{
        Result,
        docker::{Docker, client::DockerClient},
        labels,
    },
    model::{ContainerSpec, Egress},
};

impl Docker {
    /// A sidecar for a preview: one of the pool if its egress is open and the pool has one.
    pub(in crate::engine::docker) async fn sidecar(
        &self,
        client: &DockerClient,
        spec: &ContainerSpec,
    ) -> Result<Sidecar> {
        match &spec.sandbox.egress {
            Egress::None => self.make_closed(client, spec).await,
            Egress::Open => {
                let firewall = Box::pin(self.ensure_host_firewall(client)).await?;
                if let Some(pooled) = self.take_pooled(client, &firewall).await? {
                    return Ok(pooled);
                }
                self.make_sidecar(client, &firewall, &Egress::Open).await
            }
            egress @ Egress::Allow(_) => {
                let firewall = Box::pin(self.ensure_host_firewall(client)).await?;
                self.make_sidecar(client, &firewall, egress).await
            }
        }
    }

    async fn take_pooled(
        &self,
        client: &DockerClient,
        firewall: &Arc<HostFirewall>,
    ) -> Result<Option<Sidecar>> {
        self.adopt_pooled(client, firewall).await?;
        let fingerprint = self.fingerprint(&open_table(firewall));
        let mut next = self.pop_pooled();
        if next.is_none() {
            let _filling = self.inner.network.filling.lock().await;
            next = self.pop_pooled();
        }
        while let Some(pooled) = next {
            let run = container_status::inspect_run(client, &pooled.claim.name).await?;
            let is_ready = run.is_some_and(|run| {
                run.running
                    && run.container == pooled.container
                    && run.endpoint.as_ref() == Some(&pooled.endpoint)
                    && run.rules.as_ref() == Some(&fingerprint)
            });
            if is_ready {
                return Ok(Some(pooled));
            }
            self.drop_sidecar(client, &pooled.claim.name).await?;
            next = self.pop_pooled();
        }
        Ok(None)
    }

    fn pool(&self) -> MutexGuard<'_, Vec<Sidecar>> {
        let pool = &self.inner.network.warm_pool;
        pool.lock()
    }

    fn pop_pooled(&self) -> Option<Sidecar> {
        self.pool().pop()
    }

    fn push_pooled(&self, pooled: Sidecar) -> usize {
        let mut pool = self.pool();
        pool.push(pooled);
        pool.len()
    }

    pub(super) fn drain_pool(&self) -> Vec<Sidecar> {
        std::mem::take(&mut self.pool())
    }

    /// Take the ready sidecars of an earlier agent into the pool, once.
    pub(super) async fn adopt_pooled(
        &self,
        client: &DockerClient,
        firewall: &Arc<HostFirewall>,
    ) -> Result<()> {
        let mut adopted = self.inner.network.adopted.lock().await;
        if *adopted {
            return Ok(());
        }
        let fingerprint = self.fingerprint(&open_table(firewall));
        let apps = self.list(client, &[(labels::ROLE, labels::APP)]).await?;
        for existing in self.list(client, &[(labels::ROLE, "net")]).await? {
            let Some(name) = name_of(&existing) else {
                continue;
            };
            let label = |name| existing.labels.as_ref().and_then(|all| all.get(name));
            let in_use = apps.iter().any(|app| {
                let labels = app.labels.as_ref();
                labels.and_then(|all| all.get(labels::SIDECAR)) == Some(&name)
            });
            if in_use || label(labels::RULES) != Some(&fingerprint) {
                continue;
            }
            let Some(run) = container_status::inspect_run(client, &name).await? else {
                continue;
            };
            // It holds, or it would have ended: the last thing it does is to say so.
            let ready = container_status::wait_for_line(
                client,
                &run,
                "ready ",
                std::time::Duration::from_secs(1),
            )
            .await;
            if let (true, Ok(_), Some(claim)) = (
                run.running,
                ready,
                NameClaim::take(&self.inner.network.claimed_names, name),
            ) {
                self.push_pooled(Sidecar {
                    claim,
                    container: run.container,
                    endpoint: run.endpoint.unwrap_or_default(),
                });
            }
        }
        *adopted = true;
        Ok(())
    }

    /// Fill the pool to its size.
    pub(super) async fn fill_pool(
        &self,
        client: &DockerClient,
        firewall: &Arc<HostFirewall>,
    ) -> Result<()> {
        let pool_size = self.inner.settings.network.warm_pool;
        loop {
            let _filling = self.inner.network.filling.lock().await;
            let existing = self.pool().len();
            if existing >= pool_size {
                return Ok(());
            }
            let sidecar = self.make_sidecar(client, firewall, &Egress::Open).await?;
            self.push_pooled(sidecar);
        }
    }
}

/// As it was given, without the slash that the engine puts before it.
pub fn name_of(container: &bollard::models::ContainerSummary) -> Option<String> {
    let name = container.names.as_ref()?.first()?;
    Some(name.trim_start_matches('/').to_owned())
}
