//! The sessions of users who signed in, one file a Supabase project.

use std::path::PathBuf;

use crate::{
    model::UserSession,
    store::{Store, StoreError, disk},
};

impl Store {
    /// In a file that only its user can read. When this returns, the disk has it.
    pub fn save_user_session(&self, session: &UserSession) -> Result<(), StoreError> {
        let path = self.user_session_path(&session.url);
        disk::private_dir(&self.user_sessions())?;
        let text = serde_json::to_string(session).map_err(|source| StoreError::Encode {
            path: path.clone(),
            source,
        })?;
        disk::replace(&path, text.as_bytes())
    }

    /// `None` if nobody is signed in there, or what was kept cannot be read.
    pub fn user_session(&self, url: &str) -> Result<Option<UserSession>, StoreError> {
        let text = disk::read(&self.user_session_path(url))?.unwrap_or_default();
        let session: Option<UserSession> = serde_json::from_str(&text).ok();
        Ok(session.filter(|session| session.url == url))
    }

    /// Forgotten already is success.
    pub fn remove_user_session(&self, url: &str) -> Result<(), StoreError> {
        let path = self.user_session_path(url);
        if path.exists() {
            disk::remove(&path)?;
        }
        Ok(())
    }

    fn user_sessions(&self) -> PathBuf {
        self.dir.join("supabase-sessions")
    }

    fn user_session_path(&self, url: &str) -> PathBuf {
        let name = blake3::hash(url.as_bytes()).to_hex();
        self.user_sessions().join(format!("{}.json", &name[..16]))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::model::Secret;

    #[test]
    fn sessions_are_kept_by_project_and_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store")).unwrap();
        let session = |url: &str| UserSession {
            url: url.to_owned(),
            user: "a@example.com".to_owned(),
            access_token: Secret::new("access"),
            refresh_token: Secret::new("refresh"),
            expires_at: 3600,
            renew_at: 3540,
        };
        store.remove_user_session("http://a").unwrap();
        for url in ["http://a", "http://b"] {
            store.save_user_session(&session(url)).unwrap();
        }
        store.remove_user_session("http://b").unwrap();
        assert_eq!(
            store.user_session("http://a").unwrap(),
            Some(session("http://a"))
        );
        assert_eq!(store.user_session("http://b").unwrap(), None);
        let path = store.user_session_path("http://a");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(store.user_session("http://a").unwrap(), None);
    }
}
