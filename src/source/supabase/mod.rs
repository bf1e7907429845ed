//! The rows of a Supabase table as a directory of this host, kept in step.
//!
//! Rows are mirrored into a private directory, and [`super::LocalSource`] reads that: detection,
//! sync and watching know nothing of tables, and a second start fetches only what changed.
//! The database is the source: what an app writes into its own files does not travel back.

mod answer;
mod check;
mod client;
mod decode;
mod desired;
mod desk;
mod doctor;
mod endpoint;
mod error;
mod fetch;
mod follow;
mod hint;
mod keeper;
mod key;
mod listing;
mod mirror;
mod object;
mod options;
mod owners;
mod pages;
mod plan;
mod probe;
mod pull;
mod query;
pub mod realtime;
mod refused;
mod row;
pub mod session;
mod shape;
mod sight;
mod status;
mod tokens;

use query::Query;

pub use client::{Client, Effort};
pub use desk::{Desk, Identity};
pub use doctor::{Finding, FindingState, examine};
pub use endpoint::Endpoint;
pub use error::SupabaseError;
pub use follow::Follower;
pub use hint::Hint;
pub use keeper::{Keeper, Rows};
pub use key::{ApiKey, KeyKind};
pub use options::{Options, Pace};
pub use owners::{Owners, OwnersToken};
pub use pull::{Pulled, Puller};
pub use realtime::{Realtime, RealtimeState, Subscription};
pub use refused::RowRefusal;
pub use session::{Session, SignedOut, Vault};
pub use shape::{Found, Key, Revisions, Shape};
pub use sight::Sight;
pub use status::FollowStatus;
pub use tokens::{FixedToken, Tokens};

/// The tables this room reads best, as SQL for a Supabase project.
pub const SCHEMA: &str = include_str!("schema.sql");
