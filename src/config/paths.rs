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
            None => Self::below(env.xdg_state_home.as_ref(), env.user_state_dir.as_ref())?,
        };
        let runtime_dir = match (&env.runtime_dir, &env.state_dir, &env.xdg_runtime_dir) {
            (Some(dir), _, _) => absolute("CODEMATE_PREVIEW_RUNTIME_DIR", dir)?,
            (None, None, Some(dir)) if dir.is_absolute() => dir.join(Self::APP),
            _ => state_dir.join("run"),
        };
        let config_dir = match &env.config_dir {
            Some(dir) => absolute("CODEMATE_PREVIEW_CONFIG_DIR", dir)?,
            // A service that says where its state goes often has no `HOME`.
            None if env.state_dir.is_some() && env.home.is_none() => {
                Self::below(env.xdg_config_home.as_ref(), None)
                    .unwrap_or_else(|_| state_dir.join("config"))
            }
            None => Self::below(env.xdg_config_home.as_ref(), env.user_config_dir.as_ref())?,
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

    /// Our directory below the one that the XDG variable names, else below the system's own. The
    /// specification has relative values ignored.
    fn below(xdg: Option<&PathBuf>, system: Option<&PathBuf>) -> Result<PathBuf, ConfigError> {
        xdg.filter(|dir| dir.is_absolute())
            .or(system)
            .map(|dir| dir.join(Self::APP))
            .ok_or(ConfigError::NoHome)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env {
            home: Some("/home/ann".into()),
            user_config_dir: Some("/home/ann/.config".into()),
            user_state_dir: Some("/home/ann/.local/state".into()),
            ..Env::default()
        }
    }

    /// State, runtime and configuration.
    fn dirs(env: &Env) -> [String; 3] {
        let paths = Paths::resolve(env).unwrap();
        [paths.state_dir, paths.runtime_dir, paths.config_dir].map(|dir| dir.display().to_string())
    }

    #[test]
    fn the_home_directory_holds_everything() {
        let state = "/home/ann/.local/state/codemate-preview";
        let expected = [
            state,
            &format!("{state}/run"),
            "/home/ann/.config/codemate-preview",
        ];
        assert_eq!(dirs(&env()), expected);
        // A relative value counts as none.
        let relative = Env {
            xdg_config_home: Some("a".into()),
            xdg_state_home: Some("b".into()),
            xdg_runtime_dir: Some("c".into()),
            ..env()
        };
        assert_eq!(dirs(&relative), expected);
    }

    #[test]
    fn xdg_comes_before_the_system_and_our_variables_before_xdg() {
        let xdg = Env {
            xdg_config_home: Some("/c".into()),
            xdg_state_home: Some("/s".into()),
            xdg_runtime_dir: Some("/r".into()),
            ..env()
        };
        let app = |dir: &str| format!("{dir}/codemate-preview");
        assert_eq!(dirs(&xdg), [app("/s"), app("/r"), app("/c")]);
        let ours = Env {
            config_dir: Some("/our/c".into()),
            state_dir: Some("/our/s".into()),
            runtime_dir: Some("/our/r".into()),
            ..xdg.clone()
        };
        assert_eq!(dirs(&ours), ["/our/s", "/our/r", "/our/c"]);
        // The socket goes with the state: two agents of one user do not meet.
        let state_alone = Env {
            state_dir: Some("/our/s".into()),
            ..xdg
        };
        assert_eq!(dirs(&state_alone), ["/our/s", "/our/s/run", &app("/c")]);
    }

    #[test]
    fn a_service_without_a_home_needs_its_state_directory_alone() {
        let service = Env {
            state_dir: Some("/s".into()),
            home: None,
            ..env()
        };
        assert_eq!(dirs(&service), ["/s", "/s/run", "/s/config"]);
        let homeless = Paths::resolve(&Env::default());
        assert!(matches!(homeless, Err(ConfigError::NoHome)), "{homeless:?}");
    }

    /// `directories` gives what the XDG specification gives, so no user's files move.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_directories_are_those_of_xdg() {
        let env = Env::capture();
        let home = env.home.expect("tests have a HOME");
        let or = |xdg: Option<PathBuf>, below: &str| {
            xdg.filter(|dir| dir.is_absolute())
                .unwrap_or_else(|| home.join(below))
        };
        assert_eq!(
            env.user_config_dir,
            Some(or(env.xdg_config_home, ".config"))
        );
        assert_eq!(
            env.user_state_dir,
            Some(or(env.xdg_state_home, ".local/state"))
        );
    }
}
