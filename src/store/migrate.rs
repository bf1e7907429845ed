//! Records of every version there has been, read as those of today.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Record;
use crate::model::Secret;

/// One for each version but the first: the step at `i` makes version `i + 2` of version `i + 1`.
const STEPS: &[fn(&mut Map<String, Value>)] = &[without_tunnel, without_owner, with_values];

/// What this program writes.
pub const VERSION: u64 = STEPS.len() as u64 + 1;

/// Version 2 knows of tunnels; what version 1 wrote has none, which is what is read where nothing
/// is said.
fn without_tunnel(_: &mut Map<String, Value>) {}

/// Version 3 knows of owners and of what a project asks of its sandbox; what version 2 wrote is the
/// agent's own user's, and asks for nothing.
fn without_owner(_: &mut Map<String, Value>) {}

/// Version 4 has the names of the environment's variables alone; older ones have the values among
/// the options, where they are taken from when read.
fn with_values(_: &mut Map<String, Value>) {}

/// Why a record could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Newer(u64),
    Damaged(String),
}

/// What a file said.
#[derive(Debug)]
pub(super) struct Read {
    /// Without the environment's values, unless it has them itself.
    pub record: Record,
    /// Variables whose values are kept elsewhere.
    pub names: BTreeSet<String>,
    /// An older version wrote it, with values in it.
    pub holds_values: bool,
}

#[derive(Serialize)]
struct VersionHeader<'a> {
    version: u64,
    #[serde(flatten)]
    record: &'a Record,
    env_names: BTreeSet<&'a String>,
}

/// The text of a record's file and the values that must be kept beside it: none is in the text.
pub(super) fn write(
    record: &Record,
) -> Result<(String, BTreeMap<String, Secret>), serde_json::Error> {
    let mut bare = record.clone();
    let values = std::mem::take(&mut bare.options.env);
    let mut text = serde_json::to_string_pretty(&VersionHeader {
        version: VERSION,
        record: &bare,
        env_names: values.keys().collect(),
    })?;
    text.push('\n');
    Ok((text, values))
}

pub(super) fn read(text: &str) -> Result<Read, Unread> {
    // What the parser says may quote a value.
    let damaged = |error: serde_json::Error| {
        let (kind, line) = (error.classify(), error.line());
        Unread::Damaged(format!("it is no record ({kind:?}, line {line})"))
    };
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(damaged)?;
    let version = fields
        .remove("version")
        .and_then(|version| version.as_u64())
        .filter(|version| *version > 0)
        .ok_or_else(|| Unread::Damaged("it has no version".to_owned()))?;
    if version > VERSION {
        return Err(Unread::Newer(version));
    }
    let done = usize::try_from(version - 1).unwrap_or(STEPS.len());
    for step in &STEPS[done..] {
        step(&mut fields);
    }
    let names = fields
        .remove("env_names")
        .unwrap_or_else(|| Value::Array(Vec::new()));
    let record = Record::deserialize(Value::Object(fields)).map_err(damaged)?;
    Ok(Read {
        names: BTreeSet::deserialize(names).map_err(damaged)?,
        holds_values: !record.options.env.is_empty(),
        record,
    })
}
