//! Settings: what the environment and the project's files say, and where things live.

mod combine;
mod env;
mod error;
mod keys;
mod paths;
mod project_file;
mod read;
pub mod size;
mod user;

pub use combine::Combine;
pub use env::Env;
pub use error::ConfigError;
pub use paths::Paths;
pub use project_file::project_options;
pub use user::UserSettings;
