//! `UserSettings`: what a user says about the agent, in `config.toml` or by the environment.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Combine, ConfigError, Env, from_toml, layers, parse_bytes};

/// Everything optional. Unknown keys are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserSettings {
    /// The gateway's port; another free one is taken if it is in use.
    pub gateway_port: Option<u16>,
    /// PEM file of certificate authorities for builds and instances.
    pub ca_bundle: Option<PathBuf>,
    pub docker_host: Option<String>,
    /// The most cores any instance may ask for.
    pub most_cpus: Option<f64>,
    /// The most memory any instance may ask for, such as `4GiB`.
    pub most_memory: Option<String>,
    /// What the agent logs, such as `info`.
    pub log: Option<String>,
}

impl UserSettings {
    /// The environment over `file`, which need not exist.
    pub fn load(file: &Path, env: &Env) -> Result<Self, ConfigError> {
        let settings = Self::from_env(env)?.combine(Self::read(file)?);
        if let Some(most) = &settings.most_memory {
            parse_bytes(most)?;
        }
        Ok(settings)
    }

    fn read(file: &Path) -> Result<Self, ConfigError> {
        match fs::read_to_string(file) {
            Ok(text) => from_toml(&text)
                .map_err(|fault| ConfigError::Invalid { file: file.to_owned(), fault }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read { file: file.to_owned(), source }),
        }
    }

    fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            gateway_port: layers::port(
                "CODEMATE_PREVIEW_GATEWAY_PORT",
                env.gateway_port.as_deref(),
            )?,
            ca_bundle: env.ca_bundle.clone(),
            docker_host: env.docker_host.clone(),
            most_cpus: layers::cpus("CODEMATE_PREVIEW_MOST_CPUS", env.most_cpus.as_deref())?,
            most_memory: env.most_memory.clone(),
            log: env.log.clone(),
        })
    }
}

impl Combine for UserSettings {
    fn combine(self, under: Self) -> Self {
        Self {
            gateway_port: self.gateway_port.combine(under.gateway_port),
            ca_bundle: self.ca_bundle.combine(under.ca_bundle),
            docker_host: self.docker_host.combine(under.docker_host),
            most_cpus: self.most_cpus.combine(under.most_cpus),
            most_memory: self.most_memory.combine(under.most_memory),
            log: self.log.combine(under.log),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_laid_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        assert_eq!(UserSettings::load(&file, &Env::default()).unwrap(), UserSettings::default());
        fs::write(&file, "gateway_port = 7000\nlog = \"info\"\n").unwrap();
        let env = Env { log: Some("debug".to_owned()), ..Env::default() };
        let settings = UserSettings::load(&file, &env).unwrap();
        assert_eq!((settings.gateway_port, settings.log.as_deref()), (Some(7000), Some("debug")));
    }

    #[test]
    fn a_misspelt_key_and_a_bad_size_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        fs::write(&file, "gatway_port = 7000\n").unwrap();
        let error = UserSettings::load(&file, &Env::default()).unwrap_err();
        assert!(error.to_string().ends_with("did you mean `gateway_port`?"), "{error}");
        fs::write(&file, "most_memory = \"lots\"\n").unwrap();
        assert!(matches!(
            UserSettings::load(&file, &Env::default()),
            Err(ConfigError::Value { .. })
        ));
    }
}
