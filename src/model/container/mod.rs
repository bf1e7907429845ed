//! What an instance runs in: image, limits, CPUs, what is let through.

pub(super) mod cpu_set;
pub(super) mod image;
pub(super) mod sandbox;
pub(super) mod spec;
pub(super) mod usage;
