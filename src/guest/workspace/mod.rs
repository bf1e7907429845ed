//! The workspace: the files of sync, and how much the home holds.

pub(super) mod files;
pub(super) mod journal;
pub(super) mod resolve_beneath;
pub(super) mod upload;
pub(super) mod usage;
pub(super) mod write;
