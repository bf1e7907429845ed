//! Python's side of a project: where its packages are written and what brings them in.

mod conda;
mod freeze;
mod imports;
mod locks;
mod package;
mod requirement_files;
mod script;
mod setup;
mod sources;
mod tables;
mod words;

pub use freeze::{mended, pins};
pub use imports::{distribution, imports_any_of};
pub use locks::locked;
pub use package::package;
pub use sources::{Kind, Source, read};
