//! Detection: from a project's files, by declarative templates, to a plan. A new stack is a new
//! file in `templates/`; nothing of a project is executed and nothing is fetched.

mod commands;
mod dependencies;
mod detection;
mod error;
mod files;
pub mod images;
mod node;
mod plan;
mod python;
mod subfolders;
mod templates;
mod version;

pub use detection::select::{detect, detect_where};
pub use error::ProjectError;
pub use files::tree::{FileFilter, LocalTree, Tree};
pub use images::{Stack, StackVersion};
pub use plan::{install_key::install_key, search_path, workspace};
pub use python::{distribution, imports_any_of, pinned_releases, venv::with_environment};
pub use templates::Templates;
