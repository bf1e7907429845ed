//! `PathRefusal`: a file that is left out, and why.

use std::fmt;

use super::path_rules::{self, BadPath};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRefusal {
    /// For people: bytes that are not UTF-8 are replaced, control characters spelled out.
    pub path: String,
    pub why: PathRefusalReason,
}

impl PathRefusal {
    pub fn new(path: &str, why: PathRefusalReason) -> Self {
        Self {
            path: path_rules::printable(path),
            why,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusalReason {
    #[error("it cannot be read: {}", std::io::Error::from_raw_os_error(*.0))]
    Unreadable(i32),
    #[error("it is {len} bytes long, and {limit} is the limit")]
    TooLarge { len: u64, limit: u64 },
    #[error("it is {0}, not a file")]
    NotAFile(NodeKind),
    #[error("{0}")]
    BadName(#[from] BadPath),
    #[error("it links to `{target}`, outside the project")]
    LinkOutside { target: String },
    #[error("its name is the same as `{other}` where case or accents are folded")]
    SameName { other: String },
    #[error("line {line} is not a pattern")]
    BadPattern { line: usize },
}

impl PathRefusalReason {
    /// Whether an instance without this file would be a lie: a first sync fails with it.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::TooLarge { .. })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    Fifo,
    Socket,
    Device,
    Unknown,
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Unknown => "of a kind unknown here",
        })
    }
}
