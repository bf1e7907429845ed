//! Records of every version there has been, read as those of today.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Record;

/// One for each version but the first: the step at `i` makes version `i + 2` of version `i + 1`.
const STEPS: &[fn(&mut Map<String, Value>)] = &[without_tunnel, without_owner];

/// What this program writes.
pub const VERSION: u64 = STEPS.len() as u64 + 1;

/// Version 2 knows of tunnels; what version 1 wrote has none, which is what is read where nothing
/// is said.
fn without_tunnel(_: &mut Map<String, Value>) {}

/// Version 3 knows of owners and of what a project asks of its sandbox; what version 2 wrote is the
/// agent's own user's, and asks for nothing.
fn without_owner(_: &mut Map<String, Value>) {}

/// Why a record could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Newer(u64),
    Damaged(String),
}

#[derive(Serialize)]
struct Versioned<'a> {
    version: u64,
    #[serde(flatten)]
    record: &'a Record,
}

pub(super) fn write(record: &Record) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Versioned {
        version: VERSION,
        record,
    })?;
    text.push('\n');
    Ok(text)
}

pub(super) fn read(text: &str) -> Result<Record, Unread> {
    let damaged = |error: serde_json::Error| Unread::Damaged(error.to_string());
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
    Record::deserialize(Value::Object(fields)).map_err(damaged)
}
