//! `ContainerSpec`: what an engine is asked to run, in our words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{ImageRef, InstanceId, Name, Sandbox};

/// Ceilings on what one instance may use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Cores; 0.5 is half of one.
    pub cpus: f64,
    pub memory_bytes: u64,
    pub pids: u32,
    pub open_files: u32,
    /// Kept of the output, over all rotated files.
    pub log_bytes: u64,
    /// Size of `/tmp`, which counts as memory.
    pub tmp_bytes: u64,
    /// What the home volume may hold. It is looked at now and then, so it may be passed for a while.
    #[serde(default = "Limits::disk")]
    pub disk_bytes: u64,
}

impl Limits {
    /// For those who say nothing, and for records from before there was a limit: 10 GiB. `torch`
    /// with the libraries that its wheels bring takes 7.
    pub const fn disk() -> u64 {
        10 << 30
    }
}

/// The container of one instance. It says what the instance needs; how it is held down
/// (user, capabilities, file systems, limits' enforcement) is the engine's, from nothing in here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    pub id: InstanceId,
    pub name: Name,
    /// Rises with every container made for the instance, so that traffic goes to the newest only.
    pub generation: u64,
    pub image: ImageRef,
    /// For anyone to see who may ask the engine: what the user gave is none of it.
    pub env: BTreeMap<String, String>,
    pub limits: Limits,
    pub sandbox: Sandbox,
    /// The instance's own volume, mounted read-write at [`ContainerSpec::HOME`].
    pub home_volume: String,
}

impl ContainerSpec {
    /// The one writable place that outlives a container: files, dependencies and caches, on one
    /// volume so that package managers can hard-link from cache to installation.
    pub const HOME: &str = "/home/app";
    /// The project's files.
    pub const WORKSPACE: &str = "/home/app/workspace";
}
