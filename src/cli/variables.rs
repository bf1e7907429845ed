//! Variables of an environment as the command line takes them, from flags and files.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use crate::{
    cli::{commands::preview::up::pair, context::Context, exit::Failure},
    config::{EnvFile, EnvLine, is_sample_name},
    model::{Code, Problem, Secret},
};

/// Of a file of variables, in bytes.
const LONGEST: u64 = 1 << 20;

/// `KEY=VALUE`, not yet taken apart: what a parser of the command line refuses it also prints.
#[derive(Debug, Clone)]
pub struct Variable(Secret);

impl From<String> for Variable {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

pub fn variables(pairs: Vec<Variable>) -> Result<BTreeMap<String, Secret>, Failure> {
    pairs
        .into_iter()
        .map(|Variable(text)| match pair(text.reveal()) {
            Ok((name, value)) => Ok((name, Secret::new(value))),
            Err(reason) => Err(Failure::usage(format!("in `--env`: {reason}"))),
        })
        .collect()
}

/// What a file of `KEY=VALUE` lines says. Says so if it is there for others to read, and where
/// readers of such files differ about a line.
pub fn env_file(context: &mut Context, file: &Path) -> Result<Vec<(String, Secret)>, Failure> {
    let base = context.global.directory.as_deref();
    let path = base.map_or_else(|| file.to_owned(), |base| base.join(file));
    let name = file.display();
    let is_sample = file
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(is_sample_name);
    if let Ok(known) = std::fs::metadata(&path)
        && known.mode() & 0o077 != 0
        && !is_sample
    {
        context.printer.note(&format!(
            "warning: others on this machine may read `{name}`; `chmod 600 {name}` keeps it yours"
        ));
    }
    let bytes = read(&path).map_err(|error| {
        let problem = Problem::new(Code::Config, format!("cannot read `{name}`: {error}"));
        match error.kind() {
            ErrorKind::NotFound => problem.hint("name it from where you are, or by its whole path"),
            _ => problem,
        }
    })?;
    let read = EnvFile::of_bytes(&bytes);
    for remark in &read.remarks {
        context
            .printer
            .note(&format!("warning: `{name}`, {remark}"));
    }
    let pair = |line: EnvLine| (line.name, line.value);
    Ok(read.variables.into_iter().map(pair).collect())
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(std::io::Error::other("it is longer than 1 MiB"));
    }
    Ok(bytes)
}
