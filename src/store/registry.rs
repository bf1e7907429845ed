//! What was seen of registries of images, so that not every agent asks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError};

const FILE: &str = "registry.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySeen {
    pub at: Timestamp,
    pub answers: bool,
}

impl Store {
    /// `None` if nothing was kept that can be read.
    pub fn registry_seen(&self) -> Result<Option<RegistrySeen>, StoreError> {
        self.load_private(FILE)
    }

    pub fn save_registry_seen(&self, seen: &RegistrySeen) -> Result<(), StoreError> {
        self.save_private(FILE, seen)
    }
}
