//! The vault of sessions: the store, as Supabase's room needs it.

use std::sync::Arc;

use crate::{
    model::{Problem, UserSession},
    source::supabase::Vault,
    store::Store,
};

pub struct StoreVault(pub Arc<Store>);

impl Vault for StoreVault {
    fn load(&self, url: &str) -> Result<Option<UserSession>, Problem> {
        self.0.user_session(url).map_err(|error| error.problem())
    }

    fn save(&self, session: &UserSession) -> Result<(), Problem> {
        self.0
            .save_user_session(session)
            .map_err(|error| error.problem())
    }

    fn remove(&self, url: &str) -> Result<(), Problem> {
        self.0
            .remove_user_session(url)
            .map_err(|error| error.problem())
    }
}
