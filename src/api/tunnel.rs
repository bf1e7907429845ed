//! Tunnels: which there are, opening and closing them, and what each kind needs.

use serde::{Deserialize, Serialize};

use crate::model::{Credentials, InstanceId, Name, TunnelKind, TunnelStatus};

/// Answered by a stream of events that ends in `result`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTunnelRequest {
    /// The one it had, or the default, when not given.
    #[serde(default)]
    pub kind: Option<TunnelKind>,
    #[serde(default)]
    pub credentials: Credentials,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedTunnelView {
    pub name: Name,
    /// Whether there was one.
    pub closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelView {
    pub instance: InstanceId,
    pub name: Name,
    #[serde(flatten)]
    pub now: TunnelStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelsView {
    pub tunnels: Vec<TunnelView>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckTunnelsRequest {
    /// All of them when not given.
    #[serde(default)]
    pub kind: Option<TunnelKind>,
    /// Ask the providers too.
    #[serde(default)]
    pub online: bool,
    #[serde(default)]
    pub credentials: Credentials,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelChecksView {
    pub checks: Vec<TunnelCheckView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelCheckView {
    pub kind: TunnelKind,
    pub verdict: TunnelVerdict,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TunnelVerdict {
    Good,
    /// It may work, but something is not as it should be.
    Doubtful,
    /// Not set up, and nobody said it should be.
    Absent,
    Bad,
}
