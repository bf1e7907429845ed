//! `Paths`: where state, socket, locks and settings live on this machine.

use std::path::{Path, PathBuf};

use super::{ConfigError, Env};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub state_dir: PathBuf,
    /// Holds the socket and the locks; of mode 0700.
    pub runtime_dir: PathBuf,
    pub config_dir: PathBuf,
    pub log_dir: PathBuf,
}

impl Paths {
    const APP: &str = "codemate-preview";
    /// A socket's address has room for 108 bytes on Linux and 104 elsewhere, its end included.
    const LONGEST_SOCKET: usize = 100;

    pub fn resolve(env: &Env) -> Result<Self, ConfigError> {
        let platform = env.platform.as_ref();
        let state_dir = match (&env.state_dir, platform) {
            (Some(dir), _) => absolute("CODEMATE_PREVIEW_STATE_DIR", dir)?,
            (None, Some(platform)) => platform.state.clone(),
            (None, None) => return Err(ConfigError::NoHome),
        };
        // Whoever moves the state means an agent of its own, which the usual socket is not.
        let runtime_dir = match (&env.runtime_dir, &env.state_dir, &env.xdg_runtime_dir) {
            (Some(dir), _, _) => absolute("CODEMATE_PREVIEW_RUNTIME_DIR", dir)?,
            (None, None, Some(dir)) if dir.is_absolute() => dir.join(Self::APP),
            _ => state_dir.join("run"),
        };
        let config_dir = match (&env.config_dir, platform) {
            (Some(dir), _) => absolute("CODEMATE_PREVIEW_CONFIG_DIR", dir)?,
            (None, Some(platform)) => platform.config.clone(),
            (None, None) => state_dir.join("config"),
        };
        // Whoever opens the log has made this directory already.
        let log_dir = state_dir.clone();
        let paths = Self { state_dir, runtime_dir, config_dir, log_dir };
        let socket = paths.socket();
        let length = socket.as_os_str().len();
        if length > Self::LONGEST_SOCKET {
            return Err(ConfigError::SocketPath {
                path: socket,
                length,
                most: Self::LONGEST_SOCKET,
            });
        }
        Ok(paths)
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
        self.log_dir.join("agent.log")
    }

    /// One record an instance.
    pub fn instances_dir(&self) -> PathBuf {
        self.state_dir.join("instances")
    }

    /// The user's own settings.
    pub fn user_file(&self) -> PathBuf {
        self.config_dir.join("config.toml")
    }

    /// The user's own templates.
    pub fn templates_dir(&self) -> PathBuf {
        self.config_dir.join("templates")
    }
}

fn absolute(variable: &'static str, dir: &Path) -> Result<PathBuf, ConfigError> {
    if dir.is_absolute() {
        Ok(dir.to_owned())
    } else {
        Err(ConfigError::Relative { variable, value: dir.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::env_vars::PlatformDirs;

    fn at_home() -> Env {
        Env {
            platform: Some(PlatformDirs {
                config: "/h/.config/x".into(),
                state: "/h/.state/x".into(),
            }),
            ..Env::default()
        }
    }

    #[test]
    fn the_runtime_directory_is_the_sessions_if_there_is_one() {
        let mut env = at_home();
        assert_eq!(Paths::resolve(&env).unwrap().socket(), Path::new("/h/.state/x/run/agent.sock"));
        env.xdg_runtime_dir = Some("/run/user/7".into());
        let paths = Paths::resolve(&env).unwrap();
        assert_eq!(paths.socket(), Path::new("/run/user/7/codemate-preview/agent.sock"));
        env.state_dir = Some("/s".into());
        assert_eq!(Paths::resolve(&env).unwrap().socket(), Path::new("/s/run/agent.sock"));
        env.runtime_dir = Some("/r".into());
        assert_eq!(Paths::resolve(&env).unwrap().socket(), Path::new("/r/agent.sock"));
    }

    #[test]
    fn a_relative_directory_is_refused() {
        let env = Env { config_dir: Some("c".into()), ..at_home() };
        let error = Paths::resolve(&env).unwrap_err();
        assert!(matches!(
            error,
            ConfigError::Relative { variable: "CODEMATE_PREVIEW_CONFIG_DIR", .. }
        ));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused() {
        let env = Env { runtime_dir: Some(format!("/{}", "d".repeat(90)).into()), ..at_home() };
        assert!(matches!(Paths::resolve(&env), Err(ConfigError::SocketPath { length: 102, .. })));
    }

    #[test]
    fn without_a_home_there_is_no_place() {
        assert!(matches!(Paths::resolve(&Env::default()), Err(ConfigError::NoHome)));
        let env = Env { state_dir: Some("/s".into()), ..Env::default() };
        assert_eq!(Paths::resolve(&env).unwrap().config_dir, Path::new("/s/config"));
    }
}
