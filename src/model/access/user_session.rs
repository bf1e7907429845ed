//! `UserSession`: a user who signed in at a Supabase project, as it is kept.

use serde::{Deserialize, Serialize};

use crate::model::Secret;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSession {
    /// Where the project's users sign in. A session means nothing anywhere else.
    pub url: String,
    /// For people: an e-mail address, or an id where there is none.
    pub user: String,
    pub access_token: Secret,
    /// Good for one use; the answer holds the next.
    pub refresh_token: Secret,
    /// When the access token ends, in Unix seconds of this host's clock.
    pub expires_at: i64,
    /// When a newer one is asked for, likewise.
    pub renew_at: i64,
}
