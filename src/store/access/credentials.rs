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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What earlier versions wrote, field by field and with `null` for what there was not.
    #[test]
    fn both_files_are_read_and_written_as_they_always_were() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_owned()).unwrap();
        let file = |name: &str| dir.path().join(name);
        assert_eq!(store.credentials().unwrap(), Credentials::default());
        fs::write(file(FILE), r#"{"ngrok":"a","cloudflare":null}"#).unwrap();
        let mirrors = r#"{"url":"https://x.example","key":"b","service_key":null,"token":null}"#;
        fs::write(file(MIRRORS_FILE), mirrors).unwrap();
        let read = store.credentials().unwrap();
        let json = r#"{"ngrok":"a","supabase":{"key":"b","url":"https://x.example"}}"#;
        assert_eq!(read, serde_json::from_str(json).unwrap());
        store.save_credentials(&read).unwrap();
        let text = |name| fs::read_to_string(file(name)).unwrap();
        assert_eq!(text(FILE), r#"{"ngrok":"a"}"#);
        assert_eq!(
            text(MIRRORS_FILE),
            r#"{"key":"b","url":"https://x.example"}"#
        );
        assert_eq!(store.credentials().unwrap(), read);
        // A damaged file takes nothing of the other with it.
        fs::write(file(FILE), "{").unwrap();
        let mirrors = r#"{"supabase":{"key":"b","url":"https://x.example"}}"#;
        let left = store.credentials().unwrap();
        assert_eq!(left, serde_json::from_str(mirrors).unwrap());
    }
}
