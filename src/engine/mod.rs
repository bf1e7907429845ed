//! The `Engine` trait: everything the rest of the program asks of whatever runs containers.
//!
//! No type of an engine's client library, no path on its host and no published port leaves the
//! folder of an implementation. Every call can be repeated; names derive from the instance id;
//! what exists is read from labels on the engine's own objects, never from memory.

pub mod docker;
mod error;
pub mod guest;
mod labels;
pub mod link;

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use crate::{
    model::{
        BuildProgress, ContainerSpec, CpuSet, EgressRefused, ImageInfo, ImageRef, InstanceId,
        LogLine, Name, Role, Secret, Usage,
    },
    security::{Abilities, Approved},
};

pub use error::EngineError;
pub use labels::Owner;

pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// A byte stream into an instance.
pub trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}
pub type BoxedIo = Pin<Box<dyn Io>>;

#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Whether it answers, and what it is. Fails within 3 s.
    async fn probe(&self) -> Result<EngineInfo>;
    /// What approval has to know of it.
    async fn abilities(&self) -> Result<Abilities>;

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>>;
    /// Images this program built, whichever owner did.
    async fn images(&self) -> Result<Vec<ImageInfo>>;
    /// Whether images can be pulled from where they are by default. Fails and says so within 2 s.
    async fn registry_answers(&self) -> Result<bool> {
        Ok(false)
    }
    async fn pull_image(
        &self,
        image: &ImageRef,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo>;
    async fn build_image(
        &self,
        build: BuildRequest,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo>;
    /// Removes nothing that a container uses.
    async fn remove_image(&self, image: &ImageRef) -> Result<()>;

    /// Images that every start takes, besides the instance's own.
    fn needs(&self) -> Vec<ImageRef> {
        Vec::new()
    }
    /// See to it that what stands between instances and the host does so, and make ready what the
    /// next start takes. Names the instances that lost their network and must be started again.
    async fn guard(&self) -> Result<Vec<CutOff>> {
        Ok(Vec::new())
    }
    /// Take away what is for all instances together, if there is none any more.
    async fn retire(&self) -> Result<()> {
        Ok(())
    }

    /// Make the instance's container and start it, with the guest as its first process. An older
    /// generation of the same instance is removed first. Nothing is left behind on failure but the
    /// home volume.
    async fn start(&self, spec: &Approved<ContainerSpec>) -> Result<()>;
    /// Stop and remove the container, giving processes `grace` to end. Gone already is success.
    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<()>;
    /// Remove a home volume. Gone already is success.
    async fn remove_home(&self, volume: &str) -> Result<()>;
    async fn home(&self, volume: &str) -> Result<Option<Home>>;
    async fn observe(&self, id: &InstanceId) -> Result<Observed>;
    /// Every container and home volume labelled as this owner's.
    async fn list_owned(&self) -> Result<Vec<Owned>>;

    /// What is ours and no container uses. Which of it is somebody's is for the caller to know.
    async fn leftovers(&self) -> Result<Vec<Leftover>> {
        Ok(Vec::new())
    }
    /// Gone already is success; in use again is refused.
    async fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        Err(EngineError::Missing {
            what: leftover.name.clone(),
        })
    }

    /// A stream to the guest's multiplexer; [`link::Link`] speaks on it.
    async fn open_link(&self, id: &InstanceId) -> Result<BoxedIo>;
    /// Run a command beside the app.
    async fn exec(&self, id: &InstanceId, command: ExecSpec) -> Result<Box<dyn ExecSession>>;
    /// What the container's processes wrote, oldest first; ends when caught up unless `follow`.
    async fn logs(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>>;
    /// Connections of the instance that its sandbox refused since then, and those to come. Ends with
    /// the container.
    async fn refusals(
        &self,
        id: &InstanceId,
        since: Option<jiff::Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressRefused>>>;
    async fn usage(&self, id: &InstanceId) -> Result<Usage>;
    /// Let its processes run on these CPUs alone, until told otherwise.
    async fn run_on(&self, _id: &InstanceId, _cpus: &CpuSet) -> Result<()> {
        Ok(())
    }
    /// Containers of this owner that died, were killed for memory, or were removed. Endless; ends
    /// with an error when the engine goes away.
    async fn watch(&self) -> Result<BoxStream<'static, Result<EngineEvent>>>;
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    Absent,
    Running {
        generation: u64,
        paused: bool,
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
        role: Role,
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

/// A container that runs without the network it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    pub id: InstanceId,
    pub generation: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub kind: LeftoverKind,
    pub name: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A home volume of this owner's.
    Home { id: InstanceId },
    /// A volume with the guest of another version of this program.
    Guest,
    /// An image that a build of ours left without a name.
    Image,
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
    pub since: Option<jiff::Timestamp>,
    /// Only the last so many lines of what is there.
    pub tail: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent {
    Died { id: InstanceId, generation: u64 },
    OutOfMemory { id: InstanceId },
    Removed { id: InstanceId },
}
