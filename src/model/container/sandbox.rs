//! What a preview's sandbox lets through: root inside, the runtime, and which hosts it may reach.

use std::{convert::Infallible, str::FromStr};

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
    /// These hosts, over HTTP and TLS, by name: a host, `*.` and a domain, or a preset such as `pypi`.
    Allow(Vec<String>),
}

impl FromStr for Egress {
    type Err = Infallible;

    /// `open`, `none`, or what is allowed with commas between. The names are checked where it is
    /// granted.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "open" => Self::Open,
            "none" => Self::None,
            names => Self::Allow(
                names
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect(),
            ),
        })
    }
}
