//! `ConfigError`: what can be wrong with a setting, and what to do about each.

use std::{io, path::PathBuf};

use super::TomlFault;
use crate::model::{Code, Problem};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("there is no place for state: neither HOME nor CODEMATE_PREVIEW_STATE_DIR is set")]
    NoHome,
    #[error("{variable} is `{}`, which is not an absolute path", value.display())]
    Relative { variable: &'static str, value: PathBuf },
    #[error("the socket's path `{}` is {length} bytes long; {most} is the most a socket can have", path.display())]
    SocketPath { path: PathBuf, length: usize, most: usize },
    #[error("cannot read `{}`: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("`{}`, {fault}", file.display())]
    Invalid { file: PathBuf, fault: TomlFault },
    #[error("`{}` has schema {schema}, and this version knows only 1", file.display())]
    Schema { file: PathBuf, schema: u32 },
    #[error("{variable} is `{value}`: {reason}")]
    Variable { variable: &'static str, value: String, reason: String },
    #[error("`{value}` is not {expected}")]
    Value { value: String, expected: &'static str },
}

impl ConfigError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Config, self.to_string());
        match self {
            Self::NoHome => problem.hint("set HOME, or CODEMATE_PREVIEW_STATE_DIR to a directory"),
            Self::Relative { variable, .. } => {
                problem.hint(format!("set {variable} to a path that begins with `/`"))
            }
            Self::SocketPath { .. } => {
                problem.hint("set CODEMATE_PREVIEW_RUNTIME_DIR to a shorter path, such as one under /run or /tmp")
            }
            Self::Invalid { fault: TomlFault { meant: Some(meant), .. }, .. } => {
                problem.hint(format!("write `{meant}`, or remove the key"))
            }
            Self::Schema { .. } => problem.hint("update codemate-preview, or write `schema = 1`"),
            Self::Read { .. } | Self::Invalid { .. } | Self::Variable { .. } | Self::Value { .. } => problem,
        }
    }
}
