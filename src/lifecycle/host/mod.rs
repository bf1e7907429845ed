//! What all previews of this host share: their images, their CPUs, the disk that those keep which are
//! down, and what the engine puts between them and the host.

pub(super) mod cpu_isolation;
pub(super) mod image_retention;
pub(super) mod images;
mod limit;
pub(super) mod maintenance;
pub(super) mod registry;
pub(super) mod retention;
pub(super) mod sandbox_selftest;
