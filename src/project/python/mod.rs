//! Python's side of a project: where its packages are written and what brings them in.

mod conda;
mod dependency_tables;
mod frozen_lists;
mod imports;
mod installer_words;
mod locks;
pub(super) mod module_paths;
mod package;
mod package_source;
mod requirement_files;
pub(super) mod requirement_parser;
mod script;
mod setup;
pub(super) mod venv;
mod web_packages;

pub use frozen_lists::{mended, pinned, pinned_releases, pins};
pub use imports::{distribution, imports_any_of};
pub use locks::locked;
pub use package::package;
pub use package_source::{InstallerKind, PackageSource, read};
