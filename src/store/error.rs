//! `StoreError`: why something could not be kept or found.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::model::{Code, Problem};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full: cannot {act} {}", path.display())]
    Full { act: &'static str, path: PathBuf },
    #[error("cannot {act} {}: {source}", path.display())]
    Io {
        act: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot put into words what belongs in {}: {source}", path.display())]
    Encode {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} does not hold what this program wrote", path.display())]
    Damaged { path: PathBuf },
    #[error("{} was written by a newer version of this program", path.display())]
    Newer { path: PathBuf },
    /// The program is ending.
    #[error("stopped while reading or writing records")]
    Stopped,
}

impl StoreError {
    pub(super) fn io(act: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { act, path },
            _ => Self::Io { act, path, source },
        }
    }

    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Agent, self.to_string());
        match self {
            Self::Full { path, .. } => {
                let dir = path.parent().unwrap_or(path).display();
                problem
                    .hint(format!("free space on the disk that holds {dir}"))
                    .retryable()
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                problem.hint("the directory has to belong to the user who runs this")
            }
            Self::Io { .. } | Self::Encode { .. } => problem,
            Self::Stopped => problem.retryable(),
            Self::Newer { .. } => problem.hint("use that version, or move the file away"),
            Self::Damaged { path } => problem.hint(format!(
                "remove {} when no preview of this machine is needed any more",
                path.display()
            )),
        }
    }
}
