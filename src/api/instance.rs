//! Instances: starting, stopping, listing and following them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{
    Credentials, InstanceId, LastExit, Lifetime, Limits, Name, OpenPort, Options, Phase,
    TunnelStatus, Urls, Usage,
};

/// Where an instance's files come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceRef {
    /// An absolute path with its links resolved.
    Local { directory: String },
    /// The rows of a project in the table that the user's settings name.
    Supabase { project: String },
}

/// Answered by a stream of events that ends in `result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpRequest {
    pub source: SourceRef,
    /// Names a second instance of the same source (`--name`); part of its identity.
    #[serde(default)]
    pub label: Option<Name>,
    /// Flags over environment over project files, already combined.
    #[serde(default)]
    pub options: Options,
    /// Variables of the options that were given by a flag: no secret that is set replaces them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub env_flags: BTreeSet<String>,
    /// Start over: fresh volume, fresh installation.
    #[serde(default)]
    pub rebuild: bool,
    /// Whether everyone who knows the public URL may visit it; as the user's settings have it when
    /// not given. Never of a project's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// How long that lasts, or how long the link in the result is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Lifetime>,
    /// Ports that visitors from outside may ask for besides the app's. Never of a project's file.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expose: BTreeSet<u16>,
    /// What the caller's environment has for providers. The agent keeps it, readable to its user
    /// alone, so that a tunnel comes back after a restart.
    #[serde(default)]
    pub credentials: Credentials,
}

/// Detection alone, answered by a `DetectReport`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectRequest {
    pub source: SourceRef,
    #[serde(default)]
    pub options: Options,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownRequest {
    /// Ids or names; empty with `all` takes every one.
    #[serde(default)]
    pub instances: Vec<String>,
    #[serde(default)]
    pub all: bool,
    /// Also remove the volume: files the app made, installed dependencies, caches.
    #[serde(default)]
    pub purge: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownView {
    /// Those that were up and are not any more.
    pub stopped: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    pub id: InstanceId,
    pub name: Name,
    pub source: SourceRef,
    #[serde(flatten)]
    pub phase: Phase,
    /// `None` until detection has run.
    pub template: Option<String>,
    pub image: Option<String>,
    pub generation: u64,
    pub limits: Limits,
    pub created: Timestamp,
    /// How its app last ended by itself, if it has in the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<LastExit>,
    /// Present while it has a tunnel, or is to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<TunnelStatus>,
    /// The status that it was last found to be ready by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// It runs a program without a port: what the phase has for URLs leads to no page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_page: bool,
    /// Everything it listens on while it runs, on the route of one instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<OpenPort>,
    /// Present while a container runs, on the route of one instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl InstanceView {
    /// Where it can be visited, in the phases in which it can.
    pub fn urls(&self) -> Option<&Urls> {
        self.phase.urls().filter(|_| !self.without_page)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstancesView {
    pub instances: Vec<InstanceView>,
}

/// Answered by an `InstanceView`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceQuery {
    /// Also measure what it consumes, which may take the engine a second.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub usage: bool,
}

/// Answered by a stream of `log` events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsQuery {
    #[serde(default)]
    pub follow: bool,
    #[serde(default)]
    pub since: Option<Timestamp>,
    #[serde(default)]
    pub tail: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsQuery {
    /// Go on with what happens from now; otherwise end with what is remembered.
    #[serde(default)]
    pub follow: bool,
}

/// Answered by an `InstanceView` once it is ready, or a problem.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitQuery {
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}
