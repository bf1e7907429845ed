//! Variables of an environment as the command line takes them, from flags and files.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _, path::Path};

use super::{context::Context, exit::Failure, up::pair};
use crate::model::{Code, Problem, Secret};

/// `KEY=VALUE`, not yet taken apart: what a parser of the command line refuses it also prints.
#[derive(Debug, Clone)]
pub struct Variable(Secret);

impl From<String> for Variable {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

pub fn variables(given: Vec<Variable>) -> Result<BTreeMap<String, Secret>, Failure> {
    given
        .into_iter()
        .map(|Variable(text)| match pair(text.reveal()) {
            Ok((name, value)) => Ok((name, Secret::new(value))),
            Err(reason) => Err(Failure::usage(format!("in `--env`: {reason}"))),
        })
        .collect()
}

/// What a file of `KEY=VALUE` lines says. Says so if it is there for others to read.
pub fn env_file(context: &mut Context, file: &Path) -> Result<Vec<(String, Secret)>, Failure> {
    let base = context.global.directory.as_deref();
    let path = base.map_or_else(|| file.to_owned(), |base| base.join(file));
    if let Ok(known) = std::fs::metadata(&path)
        && known.mode() & 0o077 != 0
    {
        let name = file.display();
        context.printer.note(&format!(
            "warning: others on this machine may read `{name}`; `chmod 600 {name}` keeps it yours"
        ));
    }
    let told = |error: dotenvy::Error| {
        // The line itself may hold a secret.
        let why = match error {
            dotenvy::Error::Io(error) => error.to_string(),
            dotenvy::Error::LineParse(_, at) => format!("a line is not `KEY=VALUE` (at {at})"),
            _ => "it is not valid".to_owned(),
        };
        Problem::new(
            Code::Config,
            format!("cannot read `{}`: {why}", file.display()),
        )
    };
    let pairs = dotenvy::from_path_iter(&path).map_err(told)?;
    pairs
        .map(|pair| {
            Ok(pair
                .map(|(key, value)| (key, Secret::new(value)))
                .map_err(told)?)
        })
        .collect()
}
