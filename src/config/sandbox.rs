//! `[sandbox]` of the user's settings: what the host's owner lets previews do.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::Egress;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    /// Whether a project may ask for root inside its container.
    pub allow_root: bool,
    /// For projects that name none, such as `runsc`. Theirs must be this one or in `runtimes`.
    pub runtime: Option<String>,
    /// Runtimes a project may ask for.
    pub runtimes: Vec<String>,
    /// For projects that say nothing about it. No project gets more than this.
    pub egress: Option<Egress>,
    /// Where the previews' networks are taken from, such as `10.213.0.0/16`.
    pub networks: Option<String>,
    /// The resolvers previews ask; the engine's own when there are none.
    pub dns: Vec<IpAddr>,
    /// Addresses and ports previews may reach although they are private, such as
    /// `10.1.2.3:3128`: a company's proxy or mirror.
    pub reach: Vec<String>,
}
