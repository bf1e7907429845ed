//! Detection: from a project's files, by declarative templates, to a plan. A new stack is a new
//! file in `templates/`; nothing of a project is executed and nothing is fetched.

mod bounds;
mod declared;
mod deps;
mod error;
mod facts;
#[cfg(test)]
mod fixtures;
mod foreign;
pub mod images;
mod install_key;
mod look;
mod manifest;
#[cfg(test)]
mod markers;
mod modules;
mod node;
mod notes;
mod order;
mod pattern;
mod plan;
mod programs;
mod python;
mod readiness;
mod requirements;
mod score;
mod scripts;
mod select;
mod several;
mod shell_words;
mod subfolders;
mod template;
mod template_test;
mod templates;
mod text;
mod tree;
mod version;
mod wish;

pub use error::ProjectError;
pub use images::{Stack, StackVersion};
pub use install_key::install_key;
pub use plan::{search_path, with_environment, workspace};
pub use python::{distribution, imports_any_of};
pub use select::{detect, detect_where};
pub use templates::Templates;
pub use tree::{LocalTree, Taken, Tree};
