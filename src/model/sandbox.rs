//! What a preview's sandbox lets through: root inside, the runtime, and which hosts it may reach.

use serde::{Deserialize, Serialize};

/// How one container is held, where there is a choice. All else about it is the engine's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Run as root inside, with the five capabilities that images need which hand files to another
    /// user and become it. The root file system stays read-only. Only where the host's owner allows it.
    pub root: bool,
    /// The engine's runtime by name, such as `runsc`; its default one if there is none.
    pub runtime: Option<String>,
    pub egress: Egress,
}

/// Which connections a preview may open. None of these reaches the host, its networks, the cloud's
/// metadata or another preview.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Egress {
    /// The internet.
    #[default]
    Open,
    /// Nothing at all.
    None,
    /// These hosts, by name. Recorded and refused: nothing holds a preview to names yet.
    Allow(Vec<String>),
}
