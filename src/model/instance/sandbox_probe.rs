//! What a sandbox was probed for, and what came of it.

use serde::{Deserialize, Serialize};

/// One thing that was tried from inside a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRow {
    /// `network`, `privilege`, `files`, `limits`, `host`, `secrets` or `kernel`.
    pub area: String,
    pub tried: String,
    pub result: String,
    pub verdict: ProbeVerdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeVerdict {
    /// It ended as it should.
    Held,
    /// The sandbox let through what it should not, or does not do what it should.
    Open,
}
