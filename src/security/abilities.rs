//! `Abilities`: what an engine has to hold a preview with.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Abilities {
    /// By name, as the engine lists them.
    pub runtimes: BTreeSet<String>,
    /// CPUs of its host; 0 where it does not say.
    pub cpus: u32,
    /// Memory of its host, in bytes; 0 where it does not say.
    pub memory_bytes: u64,
    /// Limits it takes and does not enforce. Nothing is run without them.
    pub unenforced: Vec<String>,
}
