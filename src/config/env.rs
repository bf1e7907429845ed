//! `Env`: the environment, read once and only here.

use std::path::{Path, PathBuf};

use directories::BaseDirs;

use super::{CREDENTIALS, Inherited, credentials};
use crate::model::{Credentials, Secret};

/// What we take from the environment.
#[derive(Debug, Clone, Default)]
pub struct Env {
    pub home: Option<PathBuf>,
    pub xdg_config_home: Option<PathBuf>,
    pub xdg_state_home: Option<PathBuf>,
    pub xdg_runtime_dir: Option<PathBuf>,
    /// Where this system keeps settings of a user: `~/.config` on Linux.
    pub user_config_dir: Option<PathBuf>,
    /// Where this system keeps state of a user: `~/.local/state` on Linux.
    pub user_state_dir: Option<PathBuf>,
    /// `CODEMATE_PREVIEW_STATE_DIR`
    pub state_dir: Option<PathBuf>,
    /// `CODEMATE_PREVIEW_RUNTIME_DIR`
    pub runtime_dir: Option<PathBuf>,
    /// `CODEMATE_PREVIEW_CONFIG_DIR`
    pub config_dir: Option<PathBuf>,
    /// `CODEMATE_PREVIEW_TEMPLATE`
    pub template: Option<String>,
    /// `CODEMATE_PREVIEW_IMAGE`
    pub image: Option<String>,
    /// `CODEMATE_PREVIEW_APP_PORT`: the port the app listens on, not yet read as a number.
    pub app_port: Option<String>,
    /// `CODEMATE_PREVIEW_PORT`: what that was called before.
    pub port: Option<String>,
    /// `CODEMATE_PREVIEW_GATEWAY_PORT`: the gateway's, not yet read as a number.
    pub gateway_port: Option<String>,
    /// `CODEMATE_PREVIEW_TUNNEL`, not yet read as a choice.
    pub tunnel: Option<String>,
    /// What providers are given as proof.
    pub credentials: Credentials,
    /// `CODEMATE_PREVIEW_API`: the URL of an agent elsewhere.
    pub api: Option<String>,
    /// `CODEMATE_PREVIEW_TOKEN`: who we are there.
    pub api_token: Option<Secret>,
    /// `CODEMATE_PREVIEW_API_CA`: PEM file of the only authorities that agent is believed by.
    pub api_ca: Option<PathBuf>,
    /// `CODEMATE_PREVIEW_API_JWT_SECRET`: what our own agent checks its callers' JWTs by.
    pub api_jwt_secret: Option<Secret>,
    pub path: Option<std::ffi::OsString>,
    /// `CODEMATE_PREVIEW_LOG`: what the agent logs, in `tracing`'s filter syntax.
    pub log: Option<String>,
    pub docker_host: Option<String>,
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the directory of Docker's own settings.
    pub docker_config: Option<PathBuf>,
    pub ssl_cert_file: Option<PathBuf>,
    pub term: Option<String>,
    /// `COMPLETE`, when neither empty nor `0`: the shell that asks how to complete a command line.
    pub complete: Option<PathBuf>,
    /// `NO_COLOR`, when it is not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` or `FORCE_COLOR`, when neither empty nor `0`.
    pub force_color: bool,
    /// For programs that hold tunnels.
    pub inherited: Inherited,
}

impl Env {
    /// Variables that hold what proves who one is.
    pub fn secret_variables() -> impl Iterator<Item = &'static str> {
        let secrets = CREDENTIALS.iter().filter(|spec| spec.is_secret);
        let ours = std::iter::once("CODEMATE_PREVIEW_TOKEN");
        ours.chain(secrets.flat_map(|spec| spec.variables.iter().copied()))
    }

    pub fn capture() -> Self {
        let dirs = BaseDirs::new();
        Self {
            home: path("HOME"),
            xdg_config_home: path("XDG_CONFIG_HOME"),
            xdg_state_home: path("XDG_STATE_HOME"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            user_config_dir: dirs.as_ref().map(|dirs| dirs.config_dir().to_owned()),
            user_state_dir: dirs.as_ref().map(|dirs| state_dir(dirs).to_owned()),
            state_dir: path("CODEMATE_PREVIEW_STATE_DIR"),
            runtime_dir: path("CODEMATE_PREVIEW_RUNTIME_DIR"),
            config_dir: path("CODEMATE_PREVIEW_CONFIG_DIR"),
            template: text("CODEMATE_PREVIEW_TEMPLATE"),
            image: text("CODEMATE_PREVIEW_IMAGE"),
            app_port: text("CODEMATE_PREVIEW_APP_PORT"),
            port: text("CODEMATE_PREVIEW_PORT"),
            gateway_port: text("CODEMATE_PREVIEW_GATEWAY_PORT"),
            tunnel: text("CODEMATE_PREVIEW_TUNNEL"),
            credentials: credentials::from_environment(),
            api: text("CODEMATE_PREVIEW_API"),
            api_token: text("CODEMATE_PREVIEW_TOKEN").map(Secret::new),
            api_ca: path("CODEMATE_PREVIEW_API_CA"),
            api_jwt_secret: text("CODEMATE_PREVIEW_API_JWT_SECRET").map(Secret::new),
            path: path("PATH").map(PathBuf::into_os_string),
            log: text("CODEMATE_PREVIEW_LOG"),
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: path("DOCKER_CONFIG"),
            ssl_cert_file: path("SSL_CERT_FILE"),
            term: text("TERM"),
            complete: path("COMPLETE").filter(|shell| shell.as_os_str() != "0"),
            no_color: text("NO_COLOR").is_some(),
            force_color: ["CLICOLOR_FORCE", "FORCE_COLOR"]
                .into_iter()
                .filter_map(text)
                .any(|value| value != "0"),
            inherited: std::env::vars_os().collect(),
        }
    }
}

/// Only Linux has a directory for state alone.
fn state_dir(dirs: &BaseDirs) -> &Path {
    dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the environment"
)]
pub(super) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the environment"
)]
fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
