//! `FollowStatus`: how far a mirror is behind the files that it is of.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FileRefusal;
use crate::model::Problem;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowStatus {
    /// Changes are found by revision, not by comparing everything.
    pub by_revision: bool,
    /// The other side tells of changes; else it is polled.
    pub is_live: bool,
    /// The last revision seen, where there are revisions.
    pub cursor: Option<i64>,
    /// Files there are to be.
    pub files: usize,
    /// What did not become a file at the last look.
    pub refused: Vec<FileRefusal>,
    pub last_look: Option<Timestamp>,
    /// When everything was last compared.
    pub last_full_check: Option<Timestamp>,
    pub last_change: Option<Timestamp>,
    /// From knowing of the last change to its being in the directory.
    pub lag: Option<Duration>,
    /// Looks that went well, since following began.
    pub looks: u64,
    /// Looks that failed since the last one that went well.
    pub failures: u32,
    /// Of the last look. The files last seen are kept.
    pub problem: Option<Problem>,
}
