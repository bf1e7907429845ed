//! Settings: what the environment, the user's file and the project's files say, and where things
//! live. Flags are laid on top by `cli`, templates underneath by `project`.

mod env_vars;
mod error;
mod layers;
mod nearest;
mod paths;
mod project_file;
mod size;
mod strict;
mod user;

pub use env_vars::{Env, VARIABLES, Variable};
pub use error::ConfigError;
pub use layers::{Combine, from_env};
pub use nearest::nearest;
pub use paths::Paths;
pub use project_file::{FILES, project_options};
pub use size::{parse_bytes, parse_duration};
pub use strict::{TomlFault, from_toml};
pub use user::UserSettings;
