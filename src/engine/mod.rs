//! The `Engine` trait: everything the rest of the program asks of whatever runs containers.
//!
//! No type of an engine's client library, no path on its host and no published port leaves the
//! folder of an implementation. Every call can be repeated; names derive from the instance id;
//! what exists is read from labels on the engine's own objects, never from memory. The trials of
//! `tests/it/engine_contract` hold every implementation to what its calls say of themselves.

mod capabilities;
pub mod docker;
mod error;
pub mod guest;
mod host;
mod labels;
pub mod link;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;

use crate::{
    model::{
        BuildProgress, ContainerSpec, EgressDenial, ImageInfo, ImageRef, InstanceId, LogLine, Name,
        Secret, Usage,
    },
    security::{Abilities, Approved},
    task::BoxedIo,
};

pub use capabilities::{Capabilities, Capability};
pub use error::EngineError;
pub use host::{CutOff, HostEngine, Leftover, LeftoverKind};
pub use labels::Owner;

pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// No method has a body here: what an engine cannot do it declares, and answers with
/// [`EngineError::Unsupported`]. Where a call names an instance that has no container, its page says
/// what comes of it.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What it can do of what not every engine can. The same at every call.
    fn capabilities(&self) -> Capabilities;
    /// The calls of an engine that has one host; `None` of one that has none.
    fn host(&self) -> Option<&dyn HostEngine>;

    /// Whether it answers, and what it is. Fails within 3 s.
    async fn probe(&self) -> Result<EngineInfo>;
    /// What approval has to know of it.
    async fn abilities(&self) -> Result<Abilities>;

    /// `None` where it is not here. Nothing is pulled.
    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>>;
    /// Images this program built, whichever owner did. None of an engine that builds none.
    async fn images(&self) -> Result<Vec<ImageInfo>>;
    /// Whether images can be pulled from where they are by default; `false` without
    /// [`Capability::Pull`]. Fails and says so within 2 s.
    async fn registry_answers(&self) -> Result<bool>;
    /// Have an image from where its name says. Fails with `NoImage` where it is not to be had. Needs
    /// [`Capability::Pull`].
    async fn pull_image(
        &self,
        image: &ImageRef,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo>;
    /// Fails with `Build` where a step does. Needs [`Capability::Build`].
    async fn build_image(
        &self,
        build: BuildRequest,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo>;
    /// Removes nothing that a container uses, and nothing that this program did not build: both fail
    /// with `Refused` of status 409. Fails with `Missing` where it is not here.
    async fn remove_image(&self, image: &ImageRef) -> Result<()>;

    /// Make the instance's container and start it, with the guest as its first process. An older
    /// generation of the same instance, or the same one, is removed first. Fails with `NoImage` where
    /// the image is not here, and with `Refused` of status 409 where a newer generation is or the home
    /// is another owner's. Nothing is left behind on failure but the home volume.
    async fn start(&self, spec: &Approved<ContainerSpec>) -> Result<()>;
    /// Stop and remove the container, giving processes `grace` to end. Gone already is success.
    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<()>;
    /// Remove a home volume. Gone already is success; one that a container uses, or another owner's,
    /// fails with `Refused` of status 409.
    async fn remove_home(&self, volume: &str) -> Result<()>;
    /// `None` where it is not there; another owner's fails with `Refused` of status 409.
    async fn home(&self, volume: &str) -> Result<Option<Home>>;
    /// What became of the instance's newest container.
    async fn observe(&self, id: &InstanceId) -> Result<Observed>;
    /// Every container and home volume labelled as this owner's.
    async fn list_owned(&self) -> Result<Vec<Owned>>;

    /// A stream to the guest's multiplexer; [`link::Link`] speaks on it. It ends with the container.
    /// Fails with `Missing` where there is none.
    async fn open_link(&self, id: &InstanceId) -> Result<BoxedIo>;
    /// Run a command beside the app. Fails with `Missing` where there is no container. A command that
    /// is not there ends with 127, and one that cannot be run with 126. Its terminal needs
    /// [`Capability::Terminal`].
    async fn exec(&self, id: &InstanceId, command: ExecSpec) -> Result<Box<dyn ExecSession>>;
    /// What the container's processes wrote, oldest first; ends when caught up, or with the container
    /// if `follow`, where its last item may be `Missing`. Fails with `Missing` where there is no
    /// container.
    async fn logs(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>>;
    /// Connections of the instance that its sandbox refused since then, and those to come. Ends with
    /// the container. Fails with `Missing` where there is none. Needs [`Capability::Refusals`].
    async fn refusals(
        &self,
        id: &InstanceId,
        since: Option<jiff::Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressDenial>>>;
    /// What the container uses now. Fails with `Missing` where there is none. Needs
    /// [`Capability::Usage`].
    async fn usage(&self, id: &InstanceId) -> Result<Usage>;
}

#[derive(Debug, Clone)]
pub struct EngineInfo {
    /// Such as `Docker Engine 20.10.24`.
    pub product: String,
    /// The negotiated API version.
    pub api: String,
    /// Where it was found, such as a socket's path.
    pub endpoint: String,
    pub cpus: u64,
    pub memory_bytes: u64,
    /// See [`Abilities::unenforced`].
    pub unenforced: Vec<String>,
}

/// An image to build from a directory held in memory.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    pub tag: ImageRef,
    /// Path to content; holds a `Dockerfile`.
    pub context: BTreeMap<String, Bytes>,
    pub args: BTreeMap<String, String>,
    /// A fingerprint of what it is made from, which the image carries.
    pub recipe: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    Absent,
    Running {
        generation: u64,
    },
    /// Its first process ended.
    Exited {
        generation: u64,
        code: i64,
        out_of_memory: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    Container {
        id: InstanceId,
        name: Name,
        generation: u64,
        running: bool,
    },
    Home {
        volume: String,
        id: InstanceId,
    },
}

/// A home volume that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// Bytes that its file system holds it to; `None` where it has no quota.
    pub quota: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct ExecSpec {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, Secret>,
    pub cwd: String,
    pub tty: bool,
    pub stdin: bool,
    /// Columns and rows.
    pub size: Option<(u16, u16)>,
}

/// A running command. Dropping it closes its standard input.
#[async_trait]
pub trait ExecSession: Send {
    /// The next piece of output; `None` once the command has ended.
    async fn read(&mut self) -> Result<Option<ExecOutput>>;
    /// Empty closes standard input.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;
    async fn resize(&mut self, columns: u16, rows: u16) -> Result<()>;
    /// Its exit code, once [`ExecSession::read`] said `None`.
    async fn exit_code(&mut self) -> Result<i64>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecOutput {
    Stdout(Bytes),
    Stderr(Bytes),
}

#[derive(Debug, Clone, Copy, Default)]
pub struct LogQuery {
    pub follow: bool,
    /// Only what was written after it.
    pub since: Option<jiff::Timestamp>,
    /// Only the last so many lines of what is there.
    pub tail: Option<u32>,
}
