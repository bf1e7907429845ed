//! The project's own settings files.

use std::path::Path;

use super::{Combine, ConfigError, Env, read::read_toml};
use crate::model::Options;

/// Files, strongest first.
const FILES: [&str; 2] = ["codemate-preview.local.toml", "codemate-preview.toml"];

/// What the environment says over what the files in `dir` say.
pub fn project_options(dir: &Path, env: &Env) -> Result<Options, ConfigError> {
    let mut options = env_options(env)?;
    for name in FILES {
        options = options.combine(read_toml(&dir.join(name))?);
    }
    Ok(options)
}

/// What the environment says, for projects without a directory.
pub fn env_options(env: &Env) -> Result<Options, ConfigError> {
    let port = env.port.as_ref().map(|value| {
        value.parse().map_err(|_| ConfigError::Variable {
            variable: "CODEMATE_PREVIEW_PORT",
            value: value.clone(),
            reason: "expected a port from 1 to 65535",
        })
    });
    let tunnel = env.tunnel.as_ref().map(|value| {
        value.parse().map_err(|_| ConfigError::Variable {
            variable: "CODEMATE_PREVIEW_TUNNEL",
            value: value.clone(),
            reason: "expected a kind of tunnel, such as `cloudflare`, or `none`",
        })
    });
    Ok(Options {
        tunnel: tunnel.transpose()?,
        template: env.template.clone(),
        image: env.image.clone(),
        port: port.transpose()?,
        ..Options::default()
    })
}
