//! When each base image was last used.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Store, StoreError};
use crate::model::ImageRef;

const FILE: &str = "images.json";

impl Store {
    pub fn images_used(&self) -> Result<BTreeMap<ImageRef, Timestamp>, StoreError> {
        self.load_private(FILE)
    }

    pub fn save_images_used(&self, used: &BTreeMap<ImageRef, Timestamp>) -> Result<(), StoreError> {
        self.save_private(FILE, used)
    }
}
