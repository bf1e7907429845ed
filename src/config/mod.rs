//! Settings: what the environment and the project's files say, and where things live.

mod api;
mod combine;
pub mod credentials;
mod env;
mod env_file;
mod env_names;
mod error;
mod inherited;
mod nearest;
mod paths;
mod private_dir;
mod project_file;
mod read;
mod sandbox;
mod share;
mod strict;
mod supabase;
mod surroundings;
mod tunnels;
mod user;

pub use api::{ApiSettings, ApiSupabaseSettings, JwtAlgorithm};
pub use combine::Combine;
pub use credentials::{CREDENTIALS, CredentialRegistry};
pub use env::Env;
pub use env_file::{EnvFile, EnvLine, Odd, Remark};
pub use env_names::{is_env_name, is_sample_name};
pub use error::ConfigError;
pub use inherited::Inherited;
pub use nearest::nearest;
pub use paths::Paths;
pub use private_dir::{NotPrivate, is_private};
pub use project_file::{env_gateway_port, env_options, flag_options, project_options, renamed};
pub use sandbox::SandboxSettings;
pub use share::ShareSettings;
pub use strict::{TomlFault, from_toml};
pub use supabase::{SupabaseColumns, SupabaseMode, SupabaseSettings};
pub use surroundings::Surroundings;
pub use tunnels::{
    CloudflareSettings, CommandSettings, NgrokSettings, SshPreset, SshSettings, StaticSettings,
    TunnelSettings,
};
pub use user::UserSettings;
