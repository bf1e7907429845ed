//! The nouns every room shares. Data and parsing only: no I/O, no tokio, no bollard.

mod cpu_set;
mod event;
mod failure_kind;
mod grant;
mod id;
mod image;
mod log;
mod mask;
mod options;
mod phase;
mod plan;
mod port;
mod probe;
mod problem;
mod proxy_host;
mod public_url;
mod sandbox;
mod secret;
mod spec;
mod tunnel;
mod usage;
mod user_session;

pub use cpu_set::CpuSet;
pub use event::{
    AppExit, DetectReport, EgressRefused, Event, LastExit, Note, PortSeen, RefusedBy, StepState,
    StepUpdate, SyncReport, UpOutcome, Urls,
};
pub use failure_kind::FailureKind;
pub use grant::{
    BadDigest, BadGrantId, BadLifetime, Digest, Grant, GrantId, Lifetime, Publicity, Shares,
};
pub use id::{BadId, InstanceId, Name, port_of};
pub use image::{BuildProgress, ImageInfo, ImageRef};
pub use log::{LogLine, LogStream};
pub use mask::Mask;
pub use options::{
    InstallOptions, LimitOptions, NetworkOptions, Options, ProxyOptions, ReadyOptions,
    ReloadOptions, RunOptions, SandboxOptions, SyncOptions,
};
pub use phase::{Phase, PhaseKind};
pub use plan::{
    Candidate, Evidence, Fallback, Install, Plan, Readiness, Reload, ReloadMode, RunCommand,
    VersionChoice,
};
pub use port::{Answered, HostServed, OpenPort, PortKind};
pub use probe::{ProbeRow, ProbeVerdict};
pub use problem::{Code, NextStep, Problem, command_line};
pub use proxy_host::{Authority, BadHost, ProxyHost};
pub use public_url::{BadUrl, PublicUrl, Scheme};
pub use sandbox::{Egress, Sandbox};
pub use secret::Secret;
pub use spec::{ContainerSpec, Limits, Mount, Role};
pub use tunnel::{BadTunnel, TunnelChoice, TunnelKind, TunnelNow, TunnelState, Verified};
pub use usage::Usage;
pub use user_session::UserSession;
