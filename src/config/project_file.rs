//! The project's own settings files.

use std::{fs, io, path::Path};

use super::{Combine, ConfigError, Env};
use crate::model::Options;

/// Files, strongest first.
const FILES: [&str; 2] = ["codemate-preview.local.toml", "codemate-preview.toml"];

/// What the environment says over what the files in `dir` say.
pub fn project_options(dir: &Path, env: &Env) -> Result<Options, ConfigError> {
    let mut options = from_env(env)?;
    for name in FILES {
        options = options.combine(read(&dir.join(name))?);
    }
    Ok(options)
}

fn read(file: &Path) -> Result<Options, ConfigError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Options::default()),
        Err(source) => {
            return Err(ConfigError::Read {
                file: file.to_owned(),
                source,
            });
        }
    };
    toml::from_str(&text).map_err(|error| ConfigError::Invalid {
        file: file.to_owned(),
        reason: error.message().to_owned(),
    })
}

fn from_env(env: &Env) -> Result<Options, ConfigError> {
    let port = env.port.as_ref().map(|value| {
        value.parse().map_err(|_| ConfigError::Variable {
            variable: "CODEMATE_PREVIEW_PORT",
            value: value.clone(),
            reason: "expected a port from 1 to 65535",
        })
    });
    Ok(Options {
        template: env.template.clone(),
        image: env.image.clone(),
        port: port.transpose()?,
        ..Options::default()
    })
}
