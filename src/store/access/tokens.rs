//! The API's bearer tokens: of each its hash and what it allows, never itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    model::InstanceId,
    store::{Store, StoreError, disk},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub id: String,
    /// What the token is found by.
    pub hash: String,
    /// What it is for, in its maker's words.
    #[serde(default)]
    pub note: String,
    pub manage: bool,
    /// `None` for all of them.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    #[serde(default)]
    pub local_dirs: bool,
    pub created: Timestamp,
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

const FILE: &str = "api-tokens.json";

impl Store {
    /// In a file that only its user can read. When this returns, the disk has it.
    pub fn save_tokens(&self, tokens: &[TokenRecord]) -> Result<(), StoreError> {
        self.save_private(FILE, &tokens)
    }

    /// A file that cannot be read is an error: no token may come back by its repair unseen.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        let path = self.dir.join(FILE);
        match disk::read(&path)? {
            None => Ok(Vec::new()),
            Some(text) => serde_json::from_str(&text).map_err(|_| StoreError::Damaged { path }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn tokens_are_kept_for_this_user_alone_and_damage_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        assert_eq!(store.tokens().unwrap(), []);
        let token = TokenRecord {
            id: "1a2b3c4d".to_owned(),
            hash: "00".repeat(32),
            note: "ide".to_owned(),
            manage: true,
            instance: None,
            local_dirs: false,
            created: Timestamp::UNIX_EPOCH,
            expires: None,
        };
        store.save_tokens(std::slice::from_ref(&token)).unwrap();
        assert_eq!(store.tokens().unwrap(), [token]);
        let path = store.dir().join(FILE);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "[{").unwrap();
        assert!(matches!(store.tokens(), Err(StoreError::Damaged { .. })));
    }
}
