//! `Plan`: how one project is installed, started, probed and watched.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::model::{ImageRef, ProxyHost};

/// The outcome of detection with the user's own settings laid on top.
///
/// Commands are argument vectors: no shell reads them. Their `${port}` is already filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The id of the template it came from.
    pub template: String,
    /// The app's directory inside the project, with `/` between names; empty for the whole of it.
    #[serde(default)]
    pub root: String,
    /// For people: `Flask`.
    pub title: String,
    pub image: ImageRef,
    /// `images/<stack>`, when the image is one of ours and can be built.
    pub stack: Option<String>,
    pub version: Option<VersionChoice>,
    pub install: Option<Install>,
    pub run: RunCommand,
    pub ready: Readiness,
    pub reload: Reload,
    /// What the app is told its host name is.
    pub proxy: ProxyHost,
    /// The user said so, so that no other is tried where the app refuses it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_is_fixed: bool,
    /// Whether the app is told the visitor's own name too, in `X-Forwarded-Host`. Some apps take
    /// that for their name, and refuse it or compare it with `Origin`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forwarded_host: bool,
    /// Requests refused on a public listener, as globs over path and query.
    pub public_deny: Vec<String>,
    /// Left out of sync besides the ignore files, in gitignore syntax.
    pub ignore: Vec<String>,
    /// Taken although an ignore file or [`Plan::ignore`] names it, in the same syntax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Applies to install and run.
    pub env: BTreeMap<String, String>,
}

/// Which version of the stack, and which file asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionChoice {
    pub version: String,
    /// What was written, such as `>=3.10,<3.13`; `None` if nothing asked and this is the default.
    pub asked: Option<String>,
    /// The file that asked.
    pub from: Option<String>,
    /// The version that was pinned and cannot be had; this is the nearest newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Why it is not the default where nothing asked: what a dependency bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl VersionChoice {
    /// Whether another version does as well: no file asks for one, or the one that is asked for
    /// cannot be had.
    pub fn is_free(&self) -> bool {
        self.asked.is_none() || self.instead_of.is_some()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// Run in order in the workspace; the first that fails, and has no way round, ends it.
    pub commands: Vec<Vec<String>>,
    /// Files whose content decides whether an installation is still good, as globs.
    pub inputs: Vec<String>,
    /// Ways round a command that fails. Of those for it whose pattern fits its output, the first
    /// that was not tried yet is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Fallback>,
}

/// What is run in place of a command of an installation that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// The command it is for, counted from 0.
    pub command: usize,
    /// A regular expression that fits a line of that command's output.
    pub when: String,
    /// Run in order in place of the command.
    pub commands: Vec<Vec<String>>,
    /// What was done and why, for people, once these have succeeded.
    pub say: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommand {
    pub argv: Vec<String>,
    /// Given to the app as `PORT` and in its arguments; the first one looked at when several listen.
    pub port: u16,
    /// The user named the port, so no other one is taken.
    pub port_is_fixed: bool,
    /// Whether a port is expected at all. A program without one is ready by staying up.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub listens: bool,
    /// Added to [`Plan::env`] for the app alone.
    pub env: BTreeMap<String, String>,
    /// What such an app takes of memory, in bytes, where nobody named a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// The path asked for until it answers.
    pub path: String,
    /// Lowest and highest status that count, where the user named them: anything else is a failure
    /// then. Else any answer counts sooner or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<(u16, u16)>,
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// How long it may take while it is still writing or computing; `timeout` if `None`.
    #[serde(
        default,
        with = "millis_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub most: Option<Duration>,
    /// The command starts several servers, of which not the first to answer need be the one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    pub mode: ReloadMode,
    /// With [`ReloadMode::Restart`], edits to these restart the app, as globs; with
    /// [`ReloadMode::Itself`], edits the app's own watcher does not see.
    pub restart_on: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// The app watches its files, as dev servers with hot replacement do.
    #[serde(rename = "self")]
    Itself,
    /// The guest restarts the app.
    Restart,
    /// Files are read on every request.
    None,
}

/// One predicate of a template that held, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Such as `requirements.txt names flask`.
    pub what: String,
    /// What it added to the score.
    pub score: i32,
}

/// A template that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub template: String,
    /// 0 if it was rejected.
    pub score: i32,
    pub evidence: Vec<Evidence>,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

fn yes() -> bool {
    true
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_yes(listens: &bool) -> bool {
    *listens
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

mod millis_if_any {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Takes `&Option<Duration>`.
    pub fn serialize<'a, S: Serializer>(
        value: impl IntoIterator<Item = &'a Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let value = value.into_iter().next();
        let millis = value.map(|value| u64::try_from(value.as_millis()).unwrap_or(u64::MAX));
        millis.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
