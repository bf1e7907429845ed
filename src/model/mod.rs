//! The nouns every room shares. Data and parsing only: no I/O, no tokio, no bollard.

mod access;
mod container;
mod instance;
mod project;
mod report;

pub use access::credentials::{CredentialKey, Credentials};
pub use access::grant::{
    BadDigest, BadGrantId, BadLifetime, Digest, Grant, GrantId, Lifetime, PublicAccess, Shares,
};
pub use access::mask::Mask;
pub use access::public_url::{BadUrl, PublicUrl, Scheme};
pub use access::secret::Secret;
pub use access::tunnel::{
    BadTunnel, TunnelChoice, TunnelKind, TunnelState, TunnelStatus, Verification,
};
pub use access::user_session::UserSession;
pub use container::cpu_set::CpuSet;
pub use container::image::{BuildProgress, ImageInfo, ImageRef};
pub use container::sandbox::{Egress, Sandbox};
pub use container::spec::{ContainerSpec, Limits};
pub use container::usage::Usage;
pub use instance::id::{BadId, InstanceId, Name, port_of};
pub use instance::phase::{Phase, PhaseKind};
pub use instance::port::{AppAnswer, OpenPort, PortKind, ServedHost};
pub use instance::sandbox_probe::{ProbeRow, ProbeVerdict};
pub use project::options::{
    InstallOptions, LimitOptions, NetworkOptions, Options, ProxyOptions, ReadyOptions,
    ReloadOptions, RunOptions, SandboxOptions, SyncOptions,
};
pub use project::plan::{
    Candidate, Evidence, Fallback, Install, Plan, Readiness, Reload, ReloadMode, RunCommand,
    VersionChoice,
};
pub use project::proxy_host::{Authority, BadHost, ProxyHost};
pub use report::event::{
    AppExit, DenialStage, DetectReport, EgressDenial, Event, LastExit, Note, PortOpened, StepState,
    StepUpdate, SyncReport, UpOutcome, Urls,
};
pub use report::failure_kind::FailureKind;
pub use report::log_line::{LogLine, LogStream};
pub use report::problem::{Code, NextStep, Problem, command_line};
pub use report::size::{BadSize, Size};
