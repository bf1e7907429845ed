//! The commands that start a project: where they are named, and what they do.

pub(super) mod declared;
pub(super) mod npm_scripts;
pub(super) mod program_table;
pub(super) mod server_count;
pub(super) mod shell_words;
