//! Where the rows of a project are mirrored on this host.

use std::{fs, io, path::PathBuf};

use super::{Store, StoreError};
use crate::model::{InstanceId, Secret};

use serde::{Deserialize, Serialize};

/// What the last command's environment had for Supabase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupabaseCredentials {
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub key: Option<Secret>,
    #[serde(default)]
    pub service_key: Option<Secret>,
    #[serde(default)]
    pub token: Option<Secret>,
}

impl Store {
    pub fn rows_dir(&self, id: &InstanceId) -> PathBuf {
        self.dir.join("supabase").join(id.as_str())
    }

    /// Removed already is success.
    pub fn remove_rows(&self, id: &InstanceId) -> Result<(), StoreError> {
        let dir = self.rows_dir(id);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &dir, error))
            }
            _ => Ok(()),
        }
    }

    /// In a file that only its user can read.
    pub fn save_supabase_credentials(
        &self,
        credentials: &SupabaseCredentials,
    ) -> Result<(), StoreError> {
        self.save_private("supabase-credentials.json", credentials)
    }

    /// None at all if there are none that can be read.
    pub fn supabase_credentials(&self) -> Result<SupabaseCredentials, StoreError> {
        self.load_private("supabase-credentials.json")
    }
}
