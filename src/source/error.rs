//! `SourceError`: why a directory cannot be followed at all.

use std::path::PathBuf;

use crate::model::{Code, Problem};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("there is no directory {}", .root.display())]
    NotFound { root: PathBuf },
    #[error("{} is not a directory", .root.display())]
    NotADirectory { root: PathBuf },
    #[error("cannot read {}: {}", .root.display(), std::io::Error::from_raw_os_error(*.errno))]
    Unreadable { root: PathBuf, errno: i32 },
    /// It was there when it was opened. Nothing is deleted inside on the strength of this.
    #[error("{} is gone", .root.display())]
    Gone { root: PathBuf },
    #[error("{} holds more than {limit} files that are not ignored", .root.display())]
    TooMany { root: PathBuf, limit: usize },
    #[error("`{pattern}` is not a pattern of files to ignore")]
    BadIgnore { pattern: String },
    /// The files are elsewhere, and were not to be had.
    #[error("{}", .problem.message)]
    Fetch { problem: Box<Problem> },
    /// The program is ending.
    #[error("stopped while reading files")]
    Stopped,
}

impl SourceError {
    pub fn problem(&self) -> Problem {
        let problem = |code| Problem::new(code, self.to_string());
        match self {
            Self::NotFound { .. } | Self::NotADirectory { .. } => {
                problem(Code::Usage).hint("name the project's directory with `-C DIR`")
            }
            Self::Unreadable { .. } => {
                problem(Code::Sync).hint("check its permissions with `ls -ld`")
            }
            Self::Gone { .. } => problem(Code::Sync)
                .hint("put the directory back, or take the preview down")
                .retryable(),
            Self::TooMany { .. } => problem(Code::Sync)
                .hint("list directories that hold no source code in `.codemateignore`"),
            Self::BadIgnore { .. } => {
                problem(Code::Config).hint("patterns are those of a .gitignore file")
            }
            Self::Fetch { problem } => problem.as_ref().clone(),
            Self::Stopped => problem(Code::Terminated).retryable(),
        }
    }
}
