//! Where a project's files come from.

mod error;
mod file_refusal;
mod follow_status;
mod local;
pub mod path_rules;
mod provider;
mod refusal;
mod root_dir;
pub mod supabase;
mod watch;

pub use error::SourceError;
pub use file_refusal::FileRefusal;
pub use follow_status::FollowStatus;
pub(crate) use local::scan::is_gone;
pub use local::{EnvSource, LeftOut, LeftOutReason, LocalSource, Selection, is_ignore_file};
pub use path_rules::Names;
pub use provider::{Concern, FetchOutcome, InUse, Source, SourceProject, SourceProvider, Sources};
pub use refusal::{NodeKind, PathRefusal, PathRefusalReason};
pub use root_dir::RootDir;
pub use watch::{ChangeBatch, SourceWatch, WatchDegraded};

/// Files longer than this are refused.
pub const LARGEST_FILE: u64 = 512 << 20;
/// A tree with more is refused as a whole.
pub const MOST_FILES: usize = 200_000;

/// One file or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Relative to the root, `/` between names.
    pub path: String,
    pub kind: EntryKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    File {
        /// 0644 or 0755.
        mode: u32,
        stamp: Stamp,
    },
    Link {
        target: String,
    },
}

/// A file that was not written to keeps its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub len: u64,
    pub mtime_ns: i128,
    pub ctime_ns: i128,
    pub ino: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// By path.
    pub entries: Vec<SourceEntry>,
    pub refusals: Vec<PathRefusal>,
    /// Directories whose content could not be listed, `""` for the root: what is missing below
    /// them may well exist.
    pub unlisted: Vec<String>,
    /// A path that was looked at has a namesake beside it, on systems that fold case or accents:
    /// which of the two is taken, only a scan of everything tells.
    pub is_ambiguous: bool,
}

impl Scan {
    /// Whether the absence of `path` from the entries proves anything.
    pub fn tells_of(&self, path: &str) -> bool {
        !self.unlisted.iter().any(|dir| is_at_or_below(path, dir))
    }
}

pub(crate) fn is_at_or_below(path: &str, dir: &str) -> bool {
    dir.is_empty()
        || path
            .strip_prefix(dir)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
