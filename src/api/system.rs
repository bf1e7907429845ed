//! The agent itself: who answers, and the line it says when it has started.

use serde::{Deserialize, Serialize};

use crate::model::Problem;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub api: u32,
    pub version: String,
    pub pid: u32,
    /// The gateway's port on loopback.
    pub gateway_port: u16,
    pub instances: usize,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// `None` while no engine answers.
    pub engine: Option<EngineView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineView {
    pub product: String,
    pub api: String,
    pub endpoint: String,
}

/// The one line `agent run` writes to standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "agent", rename_all = "snake_case")]
pub enum Ready {
    Ready {
        pid: u32,
    },
    /// Another agent holds the lock; talk to that one.
    AlreadyRunning,
    Failed {
        problem: Problem,
    },
}
