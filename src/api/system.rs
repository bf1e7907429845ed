//! The agent itself: who answers, and the line it says when it has started.

use std::collections::BTreeMap;

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
    /// `None` while no engine answers, and where it was not asked for.
    pub engine: Option<EngineView>,
    /// What it was started with, by variables' names; `None` where that is not the caller's to know.
    /// Of what may hold a password there is a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloQuery {
    /// Ask the engine too, which takes up to 3 s when it hangs.
    #[serde(default)]
    pub engine: bool,
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
