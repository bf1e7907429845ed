//! Who may visit an instance from outside, one file an instance: hashes, never a secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    model::{InstanceId, Shares},
    store::{Store, StoreError, disk},
};

/// Of the file's form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct VersionedGrants {
    version: u32,
    #[serde(flatten)]
    shares: Shares,
}

/// The version alone, for files whose rest cannot be read.
#[derive(Deserialize)]
struct Form {
    version: u32,
}

impl Store {
    /// In a file that only its user can read. When this returns, the disk has it.
    pub fn save_shares(&self, id: &InstanceId, shares: &Shares) -> Result<(), StoreError> {
        let path = self.shares_path(id);
        disk::private_dir(&self.grants())?;
        let written = VersionedGrants {
            version: VERSION,
            shares: shares.clone(),
        };
        let text = serde_json::to_string_pretty(&written).map_err(|source| StoreError::Encode {
            path: path.clone(),
            source,
        })?;
        disk::replace(&path, text.as_bytes())
    }

    /// Private and without grants if nothing was kept. What is damaged is put aside and lets
    /// nobody in; what a newer version wrote is an error and stays.
    pub fn shares(&self, id: &InstanceId) -> Result<Shares, StoreError> {
        let path = self.shares_path(id);
        let Some(text) = disk::read(&path)? else {
            return Ok(Shares::default());
        };
        match serde_json::from_str::<VersionedGrants>(&text) {
            Ok(read) if read.version == VERSION && read.shares.is_of(id) => {
                return Ok(read.shares);
            }
            _ => {}
        }
        if let Ok(form) = serde_json::from_str::<Form>(&text)
            && form.version > VERSION
        {
            return Err(StoreError::Newer { path });
        }
        let aside = disk::put_aside(&path)?;
        tracing::error!(path = %aside.display(), "the links of an instance cannot be read; they are set aside");
        Ok(Shares::default())
    }

    /// Forgotten already is success.
    pub fn remove_shares(&self, id: &InstanceId) -> Result<(), StoreError> {
        let path = self.shares_path(id);
        if path.exists() {
            disk::remove(&path)?;
        }
        Ok(())
    }

    fn grants(&self) -> PathBuf {
        self.dir.join("grants")
    }

    fn shares_path(&self, id: &InstanceId) -> PathBuf {
        self.grants().join(format!("{id}.json"))
    }
}

impl Shares {
    /// A file that was put under another instance's name gives nobody leave there.
    fn is_of(&self, id: &InstanceId) -> bool {
        self.grants.iter().all(|grant| grant.instance == *id)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::model::{Digest, Grant, GrantId, PublicAccess};
    use jiff::Timestamp;

    fn shares(id: &InstanceId) -> Shares {
        let grant = Grant {
            id: GrantId::of([1, 2, 3, 4]),
            instance: id.clone(),
            link: Digest::new([1; 32]),
            cookie: Digest::new([2; 32]),
            label: Some("Ada".to_owned()),
            created: Timestamp::UNIX_EPOCH,
            expires: Some(Timestamp::UNIX_EPOCH),
            revoked: None,
        };
        Shares {
            public: Some(PublicAccess { expires: None }),
            grants: vec![grant],
            ..Shares::default()
        }
    }

    #[test]
    fn kept_by_instance_and_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        let (shop, blog) = (
            "0123456789ab".parse().unwrap(),
            "ba9876543210".parse().unwrap(),
        );
        assert_eq!(store.shares(&shop).unwrap(), Shares::default());
        store.remove_shares(&shop).unwrap();
        store.save_shares(&shop, &shares(&shop)).unwrap();
        assert_eq!(store.shares(&shop).unwrap(), shares(&shop));
        assert_eq!(store.shares(&blog).unwrap(), Shares::default());
        let path = store.shares_path(&shop);
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(path.clone()), 0o600);
        assert_eq!(mode(store.grants()), 0o700);
        // Under another instance's name it opens nothing.
        std::fs::copy(&path, store.shares_path(&blog)).unwrap();
        assert_eq!(store.shares(&blog).unwrap(), Shares::default());
        store.remove_shares(&shop).unwrap();
        assert_eq!(store.shares(&shop).unwrap(), Shares::default());
    }

    #[test]
    fn what_cannot_be_read_lets_nobody_in_and_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        let id: InstanceId = "0123456789ab".parse().unwrap();
        store.save_shares(&id, &shares(&id)).unwrap();
        let path = store.shares_path(&id);
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in [
            "",
            "{",
            "[]",
            "{\"version\":1,\"grants\":7}",
            "{\"public\":{}}",
        ] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(store.shares(&id).unwrap(), Shares::default(), "{bad}");
            assert!(!path.exists(), "{bad}");
        }
        let newer = good.replacen("\"version\": 1", "\"version\": 2", 1);
        assert_ne!(newer, good);
        std::fs::write(&path, &newer).unwrap();
        assert!(matches!(store.shares(&id), Err(StoreError::Newer { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }
}
