//! The calls of an engine that runs containers on one host and shares that host's network, CPUs and
//! disk with them.

use async_trait::async_trait;

use super::{Engine, Result};
use crate::model::{CpuSet, ImageRef, InstanceId};

/// What an engine does beside [`Engine`] where it has one host. [`Engine::host`] says whether it has.
#[async_trait]
pub trait HostEngine: Engine {
    /// Images that every start takes, besides the instance's own.
    fn needs(&self) -> Vec<ImageRef>;
    /// See to it that what stands between instances and the host does so, and make ready what the
    /// next start takes. Names the instances that lost their network and must be started again.
    /// Fails with `NoImage` while an image of [`HostEngine::needs`] is not here.
    async fn guard(&self) -> Result<Vec<CutOff>>;
    /// Take away what is for all instances together, if there is none any more. Gone already is
    /// success.
    async fn retire(&self) -> Result<()>;
    /// Let the instance's processes run on these CPUs alone, until told otherwise. Fails with
    /// `Missing` where it has no container, and with `Refused` where the host would not.
    async fn run_on(&self, id: &InstanceId, cpus: &CpuSet) -> Result<()>;
    /// What is ours and no container uses. Which of it is somebody's is for the caller to know.
    /// Fails with `Busy` while the engine walks its disk for somebody else.
    async fn leftovers(&self) -> Result<Vec<Leftover>>;
    /// Gone already is success; in use again fails with `Refused` of status 409.
    async fn remove_leftover(&self, leftover: &Leftover) -> Result<()>;
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
