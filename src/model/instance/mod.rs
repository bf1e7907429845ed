//! What an instance is called, where it is in its life, and what it listens on.

pub(super) mod id;
pub(super) mod phase;
pub(super) mod port;
pub(super) mod sandbox_probe;
