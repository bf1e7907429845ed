//! `FileOp`: one change to the workspace, and what came of it.

use std::path::PathBuf;

use bytes::Bytes;

/// Paths are relative to the workspace, `/` between names.
#[derive(Debug, Clone)]
pub enum FileOp {
    Put { path: String, mode: u32, token: [u8; 32], content: Content },
    Link { path: String, target: String, token: [u8; 32] },
    /// Removes only what sync wrote, then directories that became empty.
    Delete { path: String },
}

#[derive(Debug, Clone)]
pub enum Content {
    Bytes(Bytes),
    /// Streamed from this host; refused if it turns out longer or shorter.
    File { path: PathBuf, len: u64 },
}

/// Why a change was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRefusal {
    /// The path leads out of the workspace.
    Escapes,
    /// A directory with files of the app's is where a file should go, or a parent is a file.
    Conflict,
    NoSpace,
    TooLarge,
    /// The file changed while it was sent.
    Changed,
    Io(i32),
}

/// What sync wrote before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub path: String,
    pub token: [u8; 32],
    /// 0 for a link.
    pub mode: u32,
    pub is_link: bool,
}
