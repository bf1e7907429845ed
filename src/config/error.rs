//! `ConfigError`: what can be wrong with a setting.

use std::{io, path::PathBuf};

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
    #[error("`{}` is not valid: {reason}", file.display())]
    Invalid { file: PathBuf, reason: String },
    #[error("`{}` has a key `{key}`, which is not one we know", file.display())]
    UnknownKey { file: PathBuf, key: String, nearest: Option<String> },
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
            Self::UnknownKey { nearest: Some(nearest), .. } => {
                problem.hint(format!("did you mean `{nearest}`?"))
            }
            Self::NoHome => problem.hint("set HOME"),
            _ => problem,
        }
    }
}
