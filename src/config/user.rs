//! The user's own settings of the agent, in `config.toml` of the configuration directory.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    ApiSettings, ConfigError, SandboxSettings, ShareSettings, SupabaseSettings, TunnelSettings,
    read::read_toml,
};
use crate::model::TunnelChoice;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserSettings {
    /// Where the gateway listens on loopback; kept from start to start when not given.
    pub gateway_port: Option<u16>,
    /// PEM file of the authorities that builds and containers trust; the system's when not given.
    pub ca_bundle: Option<PathBuf>,
    /// Such as `unix:///run/docker.sock`; `DOCKER_HOST` wins.
    pub docker_host: Option<String>,
    /// Cores one preview may ask for; all of the host's when not given.
    pub most_cpus: Option<f64>,
    /// Memory one preview may ask for, such as `8GiB`; no ceiling when not given.
    pub most_memory: Option<String>,
    /// What one preview's volume may be asked to hold, such as `20GiB`; no ceiling when not given.
    pub most_disk: Option<String>,
    /// Below so much free space nothing is started, and the largest preview is stopped; `1GiB`
    /// when not given.
    pub least_free_disk: Option<String>,
    /// What previews that are down may keep together; `20GiB` when not given. Who has been down
    /// longest loses it first.
    pub most_kept_disk: Option<String>,
    /// What base images may hold together; `20GiB` when not given. Those that were not used for
    /// longest go first, and are made again when they are wanted.
    pub most_image_disk: Option<String>,
    /// For projects that say nothing about it.
    pub tunnel: Option<TunnelChoice>,
    pub tunnels: TunnelSettings,
    pub supabase: SupabaseSettings,
    pub sandbox: SandboxSettings,
    pub api: ApiSettings,
    pub share: ShareSettings,
}

impl UserSettings {
    pub const FILE: &str = "config.toml";

    pub fn read(config_dir: &Path) -> Result<Self, ConfigError> {
        read_toml(&config_dir.join(Self::FILE))
    }
}
