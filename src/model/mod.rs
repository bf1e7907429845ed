//! The nouns every room shares. Data and parsing only: no I/O, no tokio, no bollard.

mod event;
mod id;
mod image;
mod log;
mod mask;
mod options;
mod phase;
mod plan;
mod problem;
mod public_url;
mod sandbox;
mod secret;
mod spec;
mod tunnel;
mod usage;
mod user_session;

pub use event::{
    AppExit, DetectReport, Event, PortSeen, StepState, StepUpdate, SyncReport, UpOutcome, Urls,
};
pub use id::{BadId, InstanceId, Name};
pub use image::{BuildProgress, ImageInfo, ImageRef};
pub use log::{LogLine, LogStream};
pub use mask::Mask;
pub use options::{
    InstallOptions, LimitOptions, NetworkOptions, Options, ProxyOptions, ReadyOptions,
    ReloadOptions, RunOptions, SandboxOptions, SyncOptions,
};
pub use phase::{Phase, PhaseKind};
pub use plan::{
    Candidate, Evidence, Install, Plan, ProxyHost, Readiness, Reload, ReloadMode, RunCommand,
    VersionChoice,
};
pub use problem::{Code, NextStep, Problem};
pub use public_url::{BadUrl, PublicUrl, Scheme};
pub use sandbox::{Egress, Sandbox};
pub use secret::Secret;
pub use spec::{ContainerSpec, Limits, Mount, Role};
pub use tunnel::{BadTunnel, TunnelChoice, TunnelKind, TunnelNow, TunnelState, Verified};
pub use usage::Usage;
pub use user_session::UserSession;
