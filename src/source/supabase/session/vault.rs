//! `Vault`: where a session outlives the program.

use crate::model::{Problem, UserSession};

/// Its calls may block until a disk has done its part.
pub trait Vault: Send + Sync {
    /// `None` if nobody is signed in there.
    fn load(&self, url: &str) -> Result<Option<UserSession>, Problem>;

    /// What was kept before may not be usable any more: when this returns, the new one is safe
    /// from a crash.
    fn save(&self, session: &UserSession) -> Result<(), Problem>;

    /// Forgotten already is success.
    fn remove(&self, url: &str) -> Result<(), Problem>;
}
