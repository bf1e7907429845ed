//! The values of an instance's environment: one private file an instance, beside its record.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    model::{InstanceId, Secret},
    store::{Record, Store, StoreError, disk, migrate::Read},
};

/// All that the file of one instance holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceSecrets {
    /// What the last `up` gave, from flags, files and the project's own settings. The record has
    /// the names.
    pub given: BTreeMap<String, Secret>,
    /// What `secret set` keeps.
    pub set: BTreeMap<String, SetSecret>,
    /// Rises with every change of `set`, so that a start that has not seen it is known.
    pub revision: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSecret {
    pub value: Secret,
    pub at: Timestamp,
}

impl Store {
    /// None at all if there are none that can be read.
    pub fn secrets(&self, id: &InstanceId) -> Result<InstanceSecrets, StoreError> {
        let path = self.secrets_path(id);
        let Some(text) = disk::read(&path)? else {
            return Ok(InstanceSecrets::default());
        };
        // The error of the parser may quote what it could not read.
        serde_json::from_str(&text).map_err(|_| StoreError::Damaged { path })
    }

    /// Keep these in place of those of the same names.
    pub fn set_secrets(
        &self,
        id: &InstanceId,
        values: BTreeMap<String, Secret>,
    ) -> Result<(), StoreError> {
        let at = Timestamp::now();
        self.change_secrets(id, |kept| {
            kept.set.extend(
                values
                    .into_iter()
                    .map(|(name, value)| (name, SetSecret { value, at })),
            );
            kept.revision += 1;
        })
    }

    /// Forget these. Says which of them there were.
    pub fn forget_secrets(
        &self,
        id: &InstanceId,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut gone = Vec::new();
        self.change_secrets(id, |kept| {
            gone.extend(
                names
                    .iter()
                    .filter(|name| kept.set.remove(*name).is_some())
                    .cloned(),
            );
            kept.revision += u64::from(!gone.is_empty());
        })?;
        Ok(gone)
    }

    /// The values a record goes with. On the disk before the record names them.
    pub(in crate::store) fn give_secrets(
        &self,
        id: &InstanceId,
        given: &BTreeMap<String, Secret>,
    ) -> Result<(), StoreError> {
        self.change_secrets(id, |kept| kept.given.clone_from(given))
    }

    /// A record as it was saved. One of an older version has values inside: they are moved out of
    /// it at once.
    pub(in crate::store) fn with_values(&self, read: Read) -> Result<Record, StoreError> {
        let mut record = read.record;
        if read.holds_values {
            self.save(&record)?;
            return Ok(record);
        }
        if read.names.is_empty() {
            return Ok(record);
        }
        let mut kept = match self.secrets(&record.id) {
            Ok(kept) => kept,
            // The record is good without them, and `up` gives them again.
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(%error, "the values of an instance's environment are lost");
                InstanceSecrets::default()
            }
            Err(error) => return Err(error),
        };
        kept.given.retain(|name, _| read.names.contains(name));
        record.options.env = kept.given;
        Ok(record)
    }

    /// Forgotten already is success.
    pub(in crate::store) fn remove_secrets(&self, id: &InstanceId) -> Result<(), StoreError> {
        let _alone = self.changing.lock();
        let path = self.secrets_path(id);
        if path.exists() {
            disk::remove(&path)?;
        }
        Ok(())
    }

    /// Written only if it makes a difference: a record is saved more often than its values change.
    fn change_secrets(
        &self,
        id: &InstanceId,
        change: impl FnOnce(&mut InstanceSecrets),
    ) -> Result<(), StoreError> {
        let _alone = self.changing.lock();
        let before = match self.secrets(id) {
            Err(StoreError::Damaged { path }) => {
                let aside = disk::put_aside(&path)?;
                tracing::error!(path = %aside.display(), "a file of secrets is set aside");
                InstanceSecrets::default()
            }
            kept => kept?,
        };
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let path = self.secrets_path(id);
        disk::private_dir(&self.dir.join(DIRECTORY))?;
        let text = serde_json::to_string(&after).map_err(|source| StoreError::Encode {
            path: path.clone(),
            source,
        })?;
        disk::replace(&path, text.as_bytes())
    }

    fn secrets_path(&self, id: &InstanceId) -> PathBuf {
        self.dir.join(DIRECTORY).join(format!("{id}.json"))
    }
}

const DIRECTORY: &str = "secrets";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_set_is_kept_for_this_user_alone_and_raises_the_revision() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        let id: InstanceId = "0123456789ab".parse().unwrap();
        let one = |value: &str| BTreeMap::from([("A".to_owned(), Secret::new(value))]);
        store.remove_secrets(&id).unwrap();
        store.set_secrets(&id, one("hunter2")).unwrap();
        store.give_secrets(&id, &one("given")).unwrap();
        let kept = store.secrets(&id).unwrap();
        assert_eq!(kept.set["A"].value, Secret::new("hunter2"));
        assert_eq!((&kept.given, kept.revision), (&one("given"), 1));
        let path = store.secrets_path(&id);
        let mode = |path: &std::path::Path| {
            let meta = std::fs::metadata(path).unwrap();
            meta.permissions().mode() & 0o777
        };
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let names = ["A".to_owned(), "B".to_owned()];
        assert_eq!(store.forget_secrets(&id, &names).unwrap(), ["A"]);
        assert_eq!(store.forget_secrets(&id, &names).unwrap(), [""; 0]);
        assert_eq!(store.secrets(&id).unwrap().revision, 2);
        std::fs::write(&path, "{\"given\":\"hunter2").unwrap();
        let refusal = store.secrets(&id).unwrap_err();
        assert!(
            !format!("{refusal} {refusal:?}").contains("hunter2"),
            "{refusal:?}"
        );
    }
}
