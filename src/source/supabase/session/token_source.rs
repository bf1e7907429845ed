//! `Tokens`: where the JWT of a request comes from.

use async_trait::async_trait;

use crate::{model::Secret, source::supabase::SupabaseError};

#[async_trait]
pub trait Tokens: Send + Sync {
    /// The JWT requests carry now; `None` if there is only a key.
    async fn token(&self) -> Result<Option<Secret>, SupabaseError>;

    /// A newer one than `stale`, which the server refused. `None` if there is none to be had: the
    /// refusal is then final. May be called from many requests at once with the same `stale`.
    async fn refresh(&self, stale: &Secret) -> Result<Option<Secret>, SupabaseError>;
}

/// One token that never changes, or none at all.
#[derive(Debug, Clone, Default)]
pub struct FixedToken(pub Option<Secret>);

#[async_trait]
impl Tokens for FixedToken {
    async fn token(&self) -> Result<Option<Secret>, SupabaseError> {
        Ok(self.0.clone())
    }

    async fn refresh(&self, _stale: &Secret) -> Result<Option<Secret>, SupabaseError> {
        Ok(None)
    }
}
