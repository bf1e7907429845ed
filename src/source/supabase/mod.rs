//! The rows of a Supabase table as a directory of this host, kept in step.
//!
//! Rows are mirrored into a private directory, and [`super::LocalSource`] reads that: detection,
//! sync and watching know nothing of tables, and a second start fetches only what changed.
//! The database is the source: what an app writes into its own files does not travel back.

mod endpoint;
mod error;
mod hint;
mod key;
pub mod realtime;
pub mod session;
mod tokens;

pub use endpoint::Endpoint;
pub use error::SupabaseError;
pub use hint::Hint;
pub use key::{ApiKey, KeyKind};
pub use tokens::{FixedToken, Tokens};
