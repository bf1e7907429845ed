//! The tokens of users whose previews run here: of each the latest that they called us with.
//!
//! We cannot renew them. Until a user calls again, requests for them are refused by the server, or
//! here where there is none to send: never made as the host or as anybody.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{
    model::Secret,
    source::supabase::{SupabaseError, Tokens},
};

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct TenantTokens(Arc<Mutex<BTreeMap<String, Arc<TenantToken>>>>);

/// One user's.
#[derive(Debug)]
pub struct TenantToken {
    user: String,
    latest: Mutex<Option<Secret>>,
}

impl TenantTokens {
    /// `token` was checked: it is `owner`'s.
    pub fn set_token(&self, owner: &str, token: Secret) {
        let own = self.token(owner);
        *own.latest.lock() = Some(token);
    }

    pub(in crate::source::supabase) fn token(&self, owner: &str) -> Arc<TenantToken> {
        let mut all = self.0.lock();
        let own = all.entry(owner.to_owned()).or_insert_with(|| {
            Arc::new(TenantToken {
                user: owner.to_owned(),
                latest: Mutex::default(),
            })
        });
        Arc::clone(own)
    }
}

impl TenantToken {
    fn latest(&self) -> Option<Secret> {
        self.latest.lock().clone()
    }
}

#[async_trait]
impl Tokens for TenantToken {
    async fn token(&self) -> Result<Option<Secret>, SupabaseError> {
        match self.latest() {
            Some(token) => Ok(Some(token)),
            None => Err(SupabaseError::Credential {
                said: format!("user {} has not called since the agent started", self.user),
                hint: "call the agent's API with the user's token".to_owned(),
            }),
        }
    }

    async fn refresh(&self, stale: &Secret) -> Result<Option<Secret>, SupabaseError> {
        Ok(self.latest().filter(|latest| latest != stale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_taken_for_another() {
        let owners = TenantTokens::default();
        let (ann, bob) = (owners.token("ann"), owners.token("bob"));
        owners.set_token("ann", Secret::new("a1"));
        let a1 = Some(Secret::new("a1"));
        assert_eq!(ann.token().await.unwrap(), a1);
        assert!(bob.token().await.is_err(), "and not as anybody either");
        assert_eq!(ann.refresh(&Secret::new("a1")).await.unwrap(), None);
        owners.set_token("ann", Secret::new("a2"));
        let newer = ann.refresh(&Secret::new("a1")).await.unwrap();
        assert_eq!(newer, Some(Secret::new("a2")));
    }
}
