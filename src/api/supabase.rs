//! Supabase: signing in and out, what is wrong, and how far a mirror is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Credentials, Problem, Secret};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRequest {
    pub email: String,
    pub password: Secret,
    #[serde(default)]
    pub credentials: Credentials,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupabaseRequest {
    /// What is looked at in `check`.
    #[serde(default)]
    pub project: Option<String>,
    #[serde(default)]
    pub credentials: Credentials,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedInView {
    pub user: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOutView {
    /// Whether somebody was signed in.
    pub was_in: bool,
    /// Why the server could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingsView {
    pub findings: Vec<FindingView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    /// Such as `columns`; stable.
    pub subject: String,
    pub state: FindingState,
    pub said: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    Good,
    /// It works, and could work better, or cannot be told.
    Unsure,
    Bad,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaView {
    pub sql: String,
}

/// How far the files of one instance are behind its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncView {
    /// The last revision seen, where there are revisions.
    pub cursor: Option<i64>,
    pub files: usize,
    /// Told of changes, not polling for them.
    pub is_live: bool,
    pub last_look: Option<Timestamp>,
    pub last_full_check: Option<Timestamp>,
    pub last_change: Option<Timestamp>,
    /// From knowing of the last change to its being on this host.
    pub lag_ms: Option<u64>,
    /// Looks that failed since the last one that went well.
    pub failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Rows that are no files, each with its reason.
    pub refused: Vec<String>,
    /// The files are a directory of this host: only [`SyncView::files`] and what is left out tell.
    #[serde(default)]
    pub is_directory: bool,
    /// Of a directory: what does not get in, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutView>,
    /// There is more of it than is told.
    #[serde(default)]
    pub has_more: bool,
}

/// A file or directory that does not get in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutView {
    /// A directory ends with `/`.
    pub path: String,
    /// Such as "line 2 of .gitignore names it (`lib/`)".
    pub why: String,
    /// What `[sync] include` has to hold to take it, where that can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<String>,
}
