//! The rows of a Supabase table as a directory of this host, kept in step.
//!
//! Rows are mirrored into a private directory, and [`super::LocalSource`] reads that: detection,
//! sync and watching know nothing of tables, and a second start fetches only what changed.
//! The database is the source: what an app writes into its own files does not travel back.

mod check;
mod doctor;
mod error;
mod follow;
mod mirror;
mod mirror_task;
mod options;
mod pull;
pub mod realtime;
mod rest;
pub mod session;
mod sessions;
mod table;
mod table_source;

use rest::query::Query;

pub use doctor::{SupabaseFinding, SupabaseFindingState, examine};
pub use error::SupabaseError;
pub use follow::Follower;
pub use mirror_task::{MirrorTarget, MirrorTask};
pub use options::SupabaseCredentials;
pub use options::{Options, Pace};
pub use pull::{PullOutcome, Puller};
pub use realtime::{Realtime, RealtimeState, Subscription, hint::Hint};
pub use rest::{
    api_key::{ApiKey, KeyKind},
    client::{Effort, RestClient},
    endpoint::Endpoint,
};
pub use session::{
    Session, SignedOut, Vault,
    tenant_tokens::{TenantToken, TenantTokens},
    token_source::{FixedToken, Tokens},
};
pub use sessions::{SupabaseIdentity, SupabaseSessions};
pub use table::{
    shape::{Key, Revisions, Shape, TableFindings},
    visibility::Visibility,
};
pub use table_source::SupabaseProvider;

/// The tables this room reads best, as SQL for a Supabase project.
pub const SCHEMA: &str = include_str!("schema.sql");
