//! `Paths`: where state, socket, locks and settings live on this machine.

use std::path::{Path, PathBuf};

use super::{ConfigError, Env};

#[derive(Debug, Clone)]
pub struct Paths {
    pub state_dir: PathBuf,
    /// Holds the socket and the locks; of mode 0700.
    pub runtime_dir: PathBuf,
    pub config_dir: PathBuf,
}

impl Paths {
    const APP: &str = "codemate-preview";

    pub fn resolve(env: &Env) -> Result<Self, ConfigError> {
        let state_dir = match &env.state_dir {
            Some(dir) => absolute("CODEMATE_PREVIEW_STATE_DIR", dir)?,
            None => Self::under(env, env.xdg_state_home.as_deref(), ".local/state")?,
        };
        let runtime_dir = match (&env.runtime_dir, &env.state_dir, &env.xdg_runtime_dir) {
            (Some(dir), _, _) => absolute("CODEMATE_PREVIEW_RUNTIME_DIR", dir)?,
            (None, None, Some(dir)) if dir.is_absolute() => dir.join(Self::APP),
            _ => state_dir.join("run"),
        };
        let config_dir = match &env.config_dir {
            Some(dir) => absolute("CODEMATE_PREVIEW_CONFIG_DIR", dir)?,
            // Whoever says where state goes may have no home.
            None => Self::under(env, env.xdg_config_home.as_deref(), ".config")
                .unwrap_or_else(|_| state_dir.join("config")),
        };
        Ok(Self {
            state_dir,
            runtime_dir,
            config_dir,
        })
    }

    pub fn socket(&self) -> PathBuf {
        self.runtime_dir.join("agent.sock")
    }

    /// Held by the agent for as long as it lives.
    pub fn agent_lock(&self) -> PathBuf {
        self.runtime_dir.join("agent.lock")
    }

    /// Held by a client while it starts the agent.
    pub fn spawn_lock(&self) -> PathBuf {
        self.runtime_dir.join("spawn.lock")
    }

    pub fn agent_log(&self) -> PathBuf {
        self.state_dir.join("agent.log")
    }

    pub fn audit_log(&self) -> PathBuf {
        self.state_dir.join("audit.log")
    }

    fn under(env: &Env, xdg: Option<&Path>, fallback: &str) -> Result<PathBuf, ConfigError> {
        match (xdg, &env.home) {
            (Some(dir), _) if dir.is_absolute() => Ok(dir.join(Self::APP)),
            (_, Some(home)) => Ok(home.join(fallback).join(Self::APP)),
            (_, None) => Err(ConfigError::NoHome),
        }
    }
}

fn absolute(variable: &'static str, dir: &Path) -> Result<PathBuf, ConfigError> {
    if dir.is_absolute() {
        Ok(dir.to_owned())
    } else {
        Err(ConfigError::Relative {
            variable,
            value: dir.to_owned(),
        })
    }
}
