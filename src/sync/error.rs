//! `SyncError`: why files did not get in. And [`Refused`]: one that did not, while others did.

use crate::{
    engine::{EngineError, link::FileRefusal},
    model::{Code, Problem},
    source::{PathRefusal, PathRefusalReason, SourceError},
};

#[derive(Debug, Clone, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One after which the others would fare no better.
    #[error("`{path}` did not get in: {why}")]
    Refused { path: String, why: NotApplied },
}

impl SyncError {
    pub fn problem(&self) -> Problem {
        match self {
            Self::Source(error) => error.problem(),
            Self::Engine(error) => error.problem(),
            Self::Refused { why, .. } => {
                let problem = Problem::new(Code::Sync, self.to_string());
                match why.hint() {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                }
            }
        }
    }
}

/// A file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// For people.
    pub path: String,
    pub why: NotApplied,
}

/// Which end refused it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    #[error("{0}")]
    Here(PathRefusalReason),
    #[error("{}", inside(*.0))]
    Inside(FileRefusal),
}

impl NotApplied {
    /// Whether a first sync fails with it.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Here(why) => why.is_fatal(),
            Self::Inside(why) => {
                matches!(
                    why,
                    FileRefusal::NoSpace | FileRefusal::TooLarge | FileRefusal::Io(_)
                )
            }
        }
    }

    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Here(PathRefusalReason::Unreadable(_)) => {
                Some("make it readable, or list it in `.codemateignore`")
            }
            Self::Here(PathRefusalReason::TooLarge { .. })
            | Self::Inside(FileRefusal::TooLarge) => Some("list it in `.codemateignore`"),
            Self::Inside(FileRefusal::NoSpace) => {
                Some("free space: `codemate-preview images prune`, `docker system df`")
            }
            Self::Inside(FileRefusal::Conflict) => {
                Some("the app made files there; take the preview down to start from none")
            }
            Self::Here(_) | Self::Inside(_) => None,
        }
    }
}

impl Refused {
    /// The problem to fail with, where one such file is one too many.
    pub fn problem(&self) -> Problem {
        SyncError::Refused {
            path: self.path.clone(),
            why: self.why.clone(),
        }
        .problem()
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.why {
            NotApplied::Here(why @ PathRefusalReason::BadPattern { .. }) => {
                write!(f, "{} {why}", self.path)
            }
            why => write!(f, "`{}` is left out: {why}", self.path),
        }
    }
}

impl From<PathRefusal> for Refused {
    fn from(refusal: PathRefusal) -> Self {
        Self {
            path: refusal.path,
            why: NotApplied::Here(refusal.why),
        }
    }
}

fn inside(refusal: FileRefusal) -> String {
    match refusal {
        FileRefusal::Escapes => "it would land outside the workspace".to_owned(),
        FileRefusal::Conflict => "it is in the way of files the app made".to_owned(),
        FileRefusal::NoSpace => "it found no space left".to_owned(),
        FileRefusal::TooLarge => "it is too large for the workspace".to_owned(),
        FileRefusal::Changed => "it changed while it was sent".to_owned(),
        FileRefusal::Io(errno) => {
            format!(
                "it cannot be written: {}",
                std::io::Error::from_raw_os_error(errno)
            )
        }
    }
}
