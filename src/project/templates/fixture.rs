//! The format of the tests inside a template file.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::ReloadMode;

/// A project in a few lines, and what should come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    pub name: String,
    pub files: BTreeMap<String, String>,
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    pub expect: Expect,
}

/// What is not said is not checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub template: Option<String>,
    pub not_template: Option<String>,
    pub title: Option<String>,
    pub version: Option<String>,
    pub command: Option<Vec<String>>,
    /// Among the variables of the app.
    pub env: BTreeMap<String, String>,
    /// The directory that is the app's.
    pub root: Option<String>,
    pub port: Option<u16>,
    pub install: Option<Vec<Vec<String>>>,
    pub reload: Option<ReloadMode>,
    /// Files of which an edit restarts the app, and others of which it does not.
    pub restarts: Vec<String>,
    pub keeps: Vec<String>,
    /// The kind of error, such as `needs-answer`.
    pub error: Option<String>,
}
