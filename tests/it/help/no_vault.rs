//! A vault without sessions: nobody signs in.

use codemate_preview::{
    model::{Problem, UserSession},
    source::supabase::Vault,
};

pub struct NoVault;

impl Vault for NoVault {
    fn load(&self, _url: &str) -> Result<Option<UserSession>, Problem> {
        Ok(None)
    }

    fn save(&self, _session: &UserSession) -> Result<(), Problem> {
        Ok(())
    }

    fn remove(&self, _url: &str) -> Result<(), Problem> {
        Ok(())
    }
}
