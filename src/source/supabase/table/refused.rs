//! `RowRefusalReason`: why a row does not become a file.

use crate::source::{
    FileRefusal,
    path_rules::{self, BadPath},
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowRefusalReason {
    #[error("{0}")]
    BadName(#[from] BadPath),
    #[error("it is {len} bytes long, and {limit} is the limit")]
    TooLarge { len: u64, limit: u64 },
    #[error("a newer row has the same path")]
    SamePath,
    #[error("it is the same name as `{other}` where case or accents are folded")]
    SameName { other: String },
    #[error("other files are below it, as if it were a directory")]
    AlsoDirectory,
    #[error("the row has no content")]
    NoContent,
    #[error("the content is not the base64 it is said to be")]
    BadBase64,
    #[error("the content is in Storage, and no bucket is named")]
    NoBucket,
    #[error("Storage does not give its content: {said}")]
    NoObject { said: String },
    /// Even alone.
    #[error("the server does not manage to send it: {said}")]
    TooHeavy { said: String },
    #[error("there is something else in its place")]
    InTheWay,
}

impl RowRefusalReason {
    /// That the row of this path is refused for it.
    pub fn refuse(&self, path: &str) -> FileRefusal {
        FileRefusal {
            path: path_rules::printable(path),
            why: self.to_string(),
        }
    }

    /// It may be otherwise with nothing changed in the row.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NoObject { .. } | Self::TooHeavy { .. })
    }
}
