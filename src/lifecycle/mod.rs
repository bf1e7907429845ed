//! The lives of instances: what brings one up, keeps it in step with its source, and takes it down.
//! Callers ask the [`Manager`]; a task of its own owns each instance.

mod context;
mod error;
pub mod explain;
#[cfg(test)]
mod fuzzed;
mod host;
mod instance;
mod manager;
mod off_thread;
mod remedy;

pub use context::{Context, Settings};
pub use error::LifecycleError;
pub use host::{
    images::{BaseImage, Images},
    sandbox_selftest::SelftestReport,
};
pub use instance::{
    disk::DiskUsageTable,
    events::journal::{Journal, JournalEntry},
    readiness::not_ready::NotReadyReason,
    share::LinkSelection,
};
pub use manager::{
    CreatedLink, FilesStatus, InstanceShares, MOST_LEFT_OUT, Manager, PendingStart, PruneItem,
    StartRequest,
};
