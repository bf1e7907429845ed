//! Credentials of providers, as the last command's environment had them.

use crate::{
    model::Credentials,
    store::{Store, StoreError},
};

/// The one provider whose credentials have a file of their own, with its fields at the top.
const MIRRORS: &str = "supabase";
const MIRRORS_FILE: &str = "supabase-credentials.json";
const FILE: &str = "tunnel-credentials.json";

impl Store {
    /// In files that only their user can read.
    pub fn save_credentials(&self, credentials: &Credentials) -> Result<(), StoreError> {
        let (mirrors, others) = credentials.clone().split(MIRRORS);
        self.save_private(FILE, &others)?;
        self.save_private(MIRRORS_FILE, &mirrors)
    }

    /// None at all if there are none that can be read.
    pub fn credentials(&self) -> Result<Credentials, StoreError> {
        let others: Credentials = self.load_private(FILE)?;
        Ok(others.join(MIRRORS, self.load_private(MIRRORS_FILE)?))
    }
}
