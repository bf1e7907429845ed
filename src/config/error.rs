//! `ConfigError`: what can be wrong with a setting.

use std::{io, path::PathBuf};

use super::TomlFault;
use crate::model::{Code, Problem};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("there is no place for state: neither HOME nor CODEMATE_PREVIEW_STATE_DIR is set")]
    NoHome,
    #[error("`{variable}` is `{}`, which is not an absolute path", value.display())]
    Relative {
        variable: &'static str,
        value: PathBuf,
    },
    #[error("cannot read `{}`: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("`{}`, {fault}", file.display())]
    Invalid { file: PathBuf, fault: TomlFault },
    #[error("`--config {text}`, {fault}")]
    Flag { text: String, fault: TomlFault },
    #[error("`{variable}` is `{value}`: {reason}")]
    Variable {
        variable: &'static str,
        value: String,
        reason: &'static str,
    },
}

impl ConfigError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Config, self.to_string());
        match self {
            Self::NoHome => problem.hint("set HOME"),
            _ => problem,
        }
    }
}
