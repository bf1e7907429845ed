//! `Record`: all that is known of one instance when nothing of it runs.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Remedies;
use crate::model::{
    AppAnswer, InstanceId, LastExit, Limits, Name, Options, Phase, Plan, PublicUrl, TunnelKind,
};

/// Its JSON is a file format: a change that older files do not fit takes a step in `migrate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: InstanceId,
    pub name: Name,
    pub source: SourceRecord,
    /// The name the user gave, where there are several instances of one source.
    #[serde(default)]
    pub label: Option<Name>,
    /// The user's settings from everywhere, combined. The values of its environment are in a file
    /// of their own; the record's has their names.
    pub options: Options,
    /// Variables that were given by a flag, which no secret replaces.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub env_flags: BTreeSet<String>,
    /// Of the secrets that what runs was started with.
    #[serde(default)]
    pub secrets_revision: u64,
    /// `None` until detection has succeeded.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// Of the last container that was asked for.
    pub generation: u64,
    pub intent: Intent,
    /// As last known; what runs may have changed since.
    pub phase: Phase,
    /// What the home volume's installed state is good for; `None` while there is none.
    #[serde(default)]
    pub install_key: Option<String>,
    pub home_volume: String,
    /// What it was found to take besides what its files say.
    #[serde(default, skip_serializing_if = "Remedies::are_none")]
    pub remedies: Remedies,
    /// The port the app was last seen to listen on.
    #[serde(default)]
    pub port: Option<u16>,
    /// What it was last found to be ready by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<AppAnswer>,
    /// How its app last ended by itself, in the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<LastExit>,
    /// The tunnel it is to have; `None` for this host only.
    #[serde(default)]
    pub tunnel: Option<TunnelKind>,
    /// The public URL that was last shown, so that another one is noticed.
    #[serde(default)]
    pub public_url: Option<PublicUrl>,
    pub limits: Limits,
    /// Whose it is, where the agent serves several: the subject of the token that made it. `None`
    /// is the agent's own user.
    #[serde(default)]
    pub owner: Option<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Record {
    /// The command that brings it up, from anywhere.
    pub fn up_command(&self) -> Vec<String> {
        let mut argv = vec!["codemate-preview".to_owned(), "up".to_owned()];
        match &self.source {
            SourceRecord::Local { directory } => argv.push(directory.clone()),
            SourceRecord::Supabase { project, .. } => {
                argv.extend(["--project".to_owned(), project.clone()]);
            }
        }
        if let Some(label) = &self.label {
            argv.extend(["--name".to_owned(), label.to_string()]);
        }
        argv
    }

    /// Whether it has a page to visit, or may still get one. A program without a port has none, unless it
    /// was found to answer on one.
    pub fn has_page(&self) -> bool {
        let listens = self.plan.as_ref().is_none_or(|plan| plan.run.listens);
        listens || self.answered.is_some()
    }

    /// When it went down at its user's wish or for a failure. `None` while it is wanted, and while
    /// its `down` is under way: its phase is still that of what runs then, and so is its time.
    pub fn down_since(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Asleep { since } | Phase::Failed { since, .. } => {
                (self.intent == Intent::Down).then_some(since)
            }
            Phase::Creating { .. }
            | Phase::Installing { .. }
            | Phase::Starting { .. }
            | Phase::Ready { .. }
            | Phase::Paused { .. } => None,
        }
    }
}

/// Where the files come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceRecord {
    /// An absolute path with its links resolved.
    Local { directory: String },
    /// The rows of a project, and the directory on this host that they are mirrored in.
    Supabase { project: String, directory: String },
}

impl SourceRecord {
    /// The directory that the identity and the name come from.
    pub fn directory(&self) -> &str {
        match self {
            Self::Local { directory } | Self::Supabase { directory, .. } => directory,
        }
    }

    /// The kind of source and the project, if the files are not this host's own.
    pub fn mirrored(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Local { .. } => None,
            Self::Supabase { project, .. } => Some(("supabase", project)),
        }
    }

    pub fn instance_id(&self, label: Option<&Name>) -> InstanceId {
        match self {
            Self::Local { directory } => InstanceId::of_directory(Path::new(directory), label),
            Self::Supabase { project, .. } => InstanceId::of_project(project, label),
        }
    }

    /// The name it gets when its user gives none.
    pub fn name(&self) -> Name {
        match self {
            Self::Local { directory } => {
                let base = Path::new(directory).file_name().unwrap_or_default();
                Name::slug(&base.to_string_lossy())
            }
            Self::Supabase { project, .. } => Name::slug(project),
        }
    }
}

/// What the user last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    Up,
    Down,
}
