//! Where the files of a source elsewhere are mirrored on this host.

use std::{fs, io, path::PathBuf};

use super::{SourceRecord, Store, StoreError};
use crate::model::{InstanceId, Name};

impl Store {
    /// What an instance of a project's rows is recorded as: an owner's is another than the host's.
    pub fn mirrored_source(
        &self,
        project: String,
        label: Option<&Name>,
        owner: Option<&str>,
    ) -> SourceRecord {
        let id = InstanceId::of_project(&project, label);
        let id = owner.map_or(id.clone(), |owner| id.of_owner(owner));
        // The mirror keeps its own files beside these.
        let directory = self.mirror_dir(&id).join("files");
        SourceRecord::Supabase {
            project,
            directory: directory.to_string_lossy().into_owned(),
        }
    }

    pub fn mirror_dir(&self, id: &InstanceId) -> PathBuf {
        self.mirrors_dir().join(id.as_str())
    }

    pub(super) fn mirrors_dir(&self) -> PathBuf {
        self.dir.join("supabase")
    }

    /// Removed already is success.
    pub fn remove_mirror(&self, id: &InstanceId) -> Result<(), StoreError> {
        let dir = self.mirror_dir(id);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &dir, error))
            }
            _ => Ok(()),
        }
    }
}
