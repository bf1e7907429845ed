//! `FileRefusal`: what does not become a file, for people.

use serde::{Deserialize, Serialize};

/// What does not become a file, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRefusal {
    /// For people: control characters are spelled out.
    pub path: String,
    pub why: String,
}
