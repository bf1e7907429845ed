//! The files of a project as detection sees them, and manifests as values.

pub(super) mod manifest;
pub(super) mod text;
pub(super) mod tree;
