//! Periodic maintenance of the network: the host firewall and the sidecars are checked, and objects
//! that no app uses are removed.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};

use super::warm_pool::name_of;
use crate::engine::{
    CutOff, Result,
    docker::{Docker, client::DockerClient},
    labels,
};

impl Docker {
    /// As [`crate::engine::Engine::guard`] says.
    pub(in crate::engine::docker) async fn guard_networks(&self) -> Result<Vec<CutOff>> {
        let client = self.client().await?;
        let firewall = Box::pin(self.ensure_host_firewall(&client)).await?;
        self.adopt_pooled(&client, &firewall).await?;
        let (cut_off, _) = self.sweep_networks(&client).await?;
        self.fill_pool(&client, &firewall).await?;
        Ok(cut_off)
    }

    /// As [`crate::engine::Engine::retire`] says.
    pub(in crate::engine::docker) async fn retire_networks(&self) -> Result<()> {
        let client = self.client().await?;
        // A pooled sidecar that is being made now must be finished before it can be removed.
        let _filling = self.inner.network.filling.lock().await;
        if !self
            .list(&client, &[(labels::ROLE, labels::APP)])
            .await?
            .is_empty()
        {
            return Ok(());
        }
        drop(self.drain_pool());
        self.sweep_networks(&client).await?;
        self.remove_host_firewall(&client).await
    }

    /// Remove sidecars and networks that no app has and nobody is at work on. Names the apps whose
    /// sidecar is not what it was, and says how many sidecars there are.
    async fn sweep_networks(&self, client: &DockerClient) -> Result<(Vec<CutOff>, usize)> {
        // What was being worked on before the list was made may be finished in it, and what is now
        // may be missing from it: neither is an orphan.
        let before = self.claimed_names();
        let networks = self.networks(client).await?;
        let sidecars = self.list(client, &[(labels::ROLE, "net")]).await?;
        let apps = self.list(client, &[(labels::ROLE, labels::APP)]).await?;
        let used: BTreeSet<&String> = apps
            .iter()
            .filter_map(|app| app.labels.as_ref()?.get(labels::SIDECAR))
            .collect();
        let ends: BTreeMap<String, &str> = sidecars
            .iter()
            .filter_map(|it| Some((name_of(it)?, endpoint_of(it)?)))
            .collect();
        let names: BTreeSet<String> = sidecars
            .iter()
            .filter_map(name_of)
            .chain(networks)
            .collect();
        for name in &names {
            if used.contains(name) || before.contains(name) || self.claimed_names().contains(name) {
                continue;
            }
            if let Err(error) = self.drop_sidecar(client, name).await {
                tracing::warn!(sidecar = name, %error, "a sidecar that nobody has stays");
            }
        }
        let cut_off = apps.iter().filter_map(|app| cut_off(app, &ends)).collect();
        Ok((cut_off, sidecars.len()))
    }

    fn claimed_names(&self) -> BTreeSet<String> {
        let claimed = &self.inner.network.claimed_names;
        claimed.lock().clone()
    }
}

fn is_up(container: &ContainerSummary) -> bool {
    matches!(
        container.state,
        Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED)
    )
}

/// The end of a sidecar that runs.
fn endpoint_of(sidecar: &ContainerSummary) -> Option<&str> {
    let networks = sidecar.network_settings.as_ref()?.networks.as_ref()?;
    let end = networks.values().find_map(|end| end.endpoint_id.as_deref());
    end.filter(|_| is_up(sidecar))
}

/// An app whose sidecar is gone, or is another run of it.
fn cut_off(app: &ContainerSummary, ends: &BTreeMap<String, &str>) -> Option<CutOff> {
    let labels = app.labels.as_ref()?;
    let has = labels
        .get(labels::SIDECAR)
        .and_then(|sidecar| ends.get(sidecar))
        .is_some_and(|end| labels.get(labels::ENDPOINT).map(String::as_str) == Some(*end));
    if has || !is_up(app) {
        return None;
    }
    Some(CutOff {
        id: labels.get(labels::ID)?.parse().ok()?,
        generation: labels.get(labels::GENERATION)?.parse().ok()?,
    })
}
