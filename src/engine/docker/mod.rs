//! Docker, by bollard: one file a concern, none of whose types leave this folder.
//!
//! Nothing is remembered that the engine could be asked, but for what only saves asking: the
//! connection, that a volume was filled, the last reading of a counter. Every call has a deadline.

mod client;
mod container;
mod disk_usage;
mod image;
mod leftovers;
mod network;
mod owned;
mod volume;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::{Mutex, mpsc};

use super::{
    BuildRequest, Capabilities, Capability, CutOff, Engine, EngineError, EngineInfo, ExecSession,
    ExecSpec, Home, HostEngine, Leftover, LogQuery, Observed, Owned, Result,
};
use crate::{
    model::{
        BuildProgress, ContainerSpec, CpuSet, EgressDenial, ImageInfo, ImageRef, InstanceId,
        LogLine, Usage,
    },
    security::{Abilities, Approved},
    task::BoxedIo,
};
use client::{DockerClient, connect::EndpointCandidates};
use container::usage::CpuReading;
use volume::guest::GuestContents;

pub use client::connect::DockerSettings;
#[cfg(test)]
pub(crate) use container::spec::tests::body as body_of;
pub use network::{NetworkSettings, SubnetPool};

/// A Docker engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Docker {
    inner: Arc<DockerInner>,
}

#[derive(Debug)]
struct DockerInner {
    settings: DockerSettings,
    candidates: EndpointCandidates,
    ca: Option<Bytes>,
    contents: GuestContents,
    client: Mutex<Option<DockerClient>>,
    /// Whether this process saw the guest volume complete.
    guest_filled: Mutex<bool>,
    /// Home volumes this process gave to the app's user.
    homes_given: Mutex<HashSet<String>>,
    /// Whether the engine was seen to make no volume with a quota.
    no_quota: AtomicBool,
    cpu: Mutex<HashMap<String, CpuReading>>,
    disk_usage: disk_usage::SharedRequest<leftovers::DiskUsage>,
    network: network::NetworkState,
}

impl Docker {
    /// Decide where the engine is, without talking to it: it may be started later. Fails only if
    /// the settings cannot be used.
    pub fn connect(settings: DockerSettings) -> Result<Self> {
        let candidates = client::connect::resolve(&settings)?;
        let ca = match &settings.ca_bundle {
            Some(path) => Some(Bytes::from(std::fs::read(path).map_err(|error| {
                EngineError::BadEndpoint {
                    endpoint: candidates.pick().to_string(),
                    reason: format!("the certificate authorities in {}: {error}", path.display()),
                }
            })?)),
            None => None,
        };
        let contents = GuestContents::new(&settings.owner, settings.guest, ca.clone());
        let inner = DockerInner {
            settings,
            candidates,
            ca,
            contents,
            client: Mutex::default(),
            guest_filled: Mutex::default(),
            homes_given: Mutex::default(),
            no_quota: AtomicBool::default(),
            cpu: Mutex::default(),
            disk_usage: disk_usage::SharedRequest::default(),
            network: network::NetworkState::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The connection, made if there is none yet.
    async fn client(&self) -> Result<DockerClient> {
        if let Some(client) = &*self.inner.client.lock().await {
            return Ok(client.clone());
        }
        self.reconnect().await
    }

    /// Find the engine and agree on a version anew: it may have been replaced.
    async fn reconnect(&self) -> Result<DockerClient> {
        let client = DockerClient::connect(self.inner.candidates.pick().clone()).await;
        *self.inner.client.lock().await = client.as_ref().ok().cloned();
        client
    }
}

#[async_trait]
impl Engine for Docker {
    fn capabilities(&self) -> Capabilities {
        Capability::ALL.into_iter().collect()
    }

    fn host(&self) -> Option<&dyn HostEngine> {
        Some(self)
    }

    async fn probe(&self) -> Result<EngineInfo> {
        self.probe_engine().await
    }

    async fn abilities(&self) -> Result<Abilities> {
        let client = self.client().await?;
        Ok(client.facts().await?.abilities.clone())
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let client = self.client().await?;
        Ok(image::inspect(&client, image)
            .await?
            .map(|image| image.info))
    }

    async fn images(&self) -> Result<Vec<ImageInfo>> {
        self.stack_images().await
    }

    async fn registry_answers(&self) -> Result<bool> {
        self.asks_registry().await
    }

    async fn pull_image(
        &self,
        image: &ImageRef,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.pull(image, &progress).await
    }

    async fn build_image(
        &self,
        build: BuildRequest,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.build(build, &progress).await
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.delete_image(image).await
    }

    async fn start(&self, spec: &Approved<ContainerSpec>) -> Result<()> {
        Box::pin(self.start_container(spec)).await
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<()> {
        self.remove_container(id, grace).await
    }

    async fn remove_home(&self, volume: &str) -> Result<()> {
        self.delete_home(volume).await
    }

    async fn home(&self, volume: &str) -> Result<Option<Home>> {
        let client = self.client().await?;
        self.owned_volume(&client, volume).await
    }

    async fn observe(&self, id: &InstanceId) -> Result<Observed> {
        self.observe_container(id).await
    }

    async fn list_owned(&self) -> Result<Vec<Owned>> {
        self.list_all_owned().await
    }

    async fn open_link(&self, id: &InstanceId) -> Result<BoxedIo> {
        self.link_stream(id).await
    }

    async fn exec(&self, id: &InstanceId, command: ExecSpec) -> Result<Box<dyn ExecSession>> {
        Ok(Box::new(self.exec_command(id, command).await?))
    }

    async fn logs(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        self.log_lines(id, query).await
    }

    async fn refusals(
        &self,
        id: &InstanceId,
        since: Option<jiff::Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressDenial>>> {
        self.refused_connections(id, since).await
    }

    async fn usage(&self, id: &InstanceId) -> Result<Usage> {
        self.sample(id).await
    }
}

#[async_trait]
impl HostEngine for Docker {
    fn needs(&self) -> Vec<ImageRef> {
        vec![self.inner.settings.network.image.clone()]
    }

    async fn guard(&self) -> Result<Vec<CutOff>> {
        Box::pin(self.guard_networks()).await
    }

    async fn retire(&self) -> Result<()> {
        Box::pin(self.retire_networks()).await
    }

    async fn run_on(&self, id: &InstanceId, cpus: &CpuSet) -> Result<()> {
        self.set_cpus(id, cpus).await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.list_leftovers().await
    }

    async fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        self.drop_leftover(leftover).await
    }
}
