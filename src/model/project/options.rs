//! `Options`: what a user says about a project, in `codemate-preview.toml` or by flags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Egress, Name, ProxyHost, ReloadMode, Secret, TunnelChoice};

/// Everything optional: what is not said is left to the template. Unknown keys are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Version of the file format; 1.
    pub schema: Option<u32>,
    pub name: Option<Name>,
    /// The app's directory inside the project, for repositories that hold several.
    pub root: Option<String>,
    /// Take this template without looking at the others.
    pub template: Option<String>,
    /// Run in this image in place of the template's.
    pub image: Option<String>,
    /// The version of the stack, such as `3.11`.
    pub version: Option<String>,
    /// The port the app listens on; found by itself when not given.
    pub port: Option<u16>,
    /// How the world reaches it. What a kind needs is in the user's settings, never in a project's.
    pub tunnel: Option<TunnelChoice>,
    /// Answers to a template's questions, such as `entry = "main:app"`.
    pub set: BTreeMap<String, String>,
    pub env: BTreeMap<String, Secret>,
    pub install: InstallOptions,
    pub run: RunOptions,
    pub ready: ReadyOptions,
    pub reload: ReloadOptions,
    pub sync: SyncOptions,
    pub proxy: ProxyOptions,
    pub limits: LimitOptions,
    pub sandbox: SandboxOptions,
    pub network: NetworkOptions,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstallOptions {
    pub commands: Option<Vec<Vec<String>>>,
    pub inputs: Option<Vec<String>>,
    /// Run once after each installation, whoever's commands that is made by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<Vec<String>>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunOptions {
    pub command: Option<Vec<String>>,
    /// Whether it is to listen on a port; a program that does not is ready by staying up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listens: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadyOptions {
    pub path: Option<String>,
    /// Such as `200-399`.
    pub status: Option<String>,
    /// Such as `90s`.
    pub timeout: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReloadOptions {
    pub mode: Option<ReloadMode>,
    pub restart_on: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncOptions {
    /// In gitignore syntax, after the ignore files.
    pub ignore: Option<Vec<String>>,
    /// In the same syntax: taken although an ignore file or `ignore` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyOptions {
    /// `name`, `preserve`, `localhost`, or a host such as `shop.example`.
    pub host: Option<ProxyHost>,
    /// See [`super::plan::Plan::forwarded_host`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded_host: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitOptions {
    /// Cores, such as 0.5.
    pub cpus: Option<f64>,
    /// Such as `512MiB`.
    pub memory: Option<String>,
    /// Such as `4GiB`.
    pub disk: Option<String>,
}

/// What of this is allowed is in the user's settings, never in a project's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxOptions {
    /// See [`crate::model::Sandbox::root`].
    pub root: Option<bool>,
    /// Such as `runsc`.
    pub runtime: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkOptions {
    /// `"open"`, `"none"` or `{ allow = ["pypi", "api.example.com"] }`.
    pub egress: Option<Egress>,
}
