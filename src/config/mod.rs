//! Settings: what the environment and the project's files say, and where things live.

mod combine;
mod env;
mod error;
mod inherited;
mod nearest;
mod paths;
mod project_file;
mod read;
pub mod size;
mod strict;
mod tunnels;
mod user;

pub use combine::Combine;
pub use env::Env;
pub use error::ConfigError;
pub use inherited::Inherited;
pub use nearest::nearest;
pub use paths::Paths;
pub use project_file::project_options;
pub use strict::{TomlFault, from_toml};
pub use tunnels::{
    CloudflareSettings, CommandSettings, NgrokSettings, SshPreset, SshSettings, StaticSettings,
    TunnelSettings,
};
pub use user::UserSettings;
