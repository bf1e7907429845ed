//! The project's own settings files.

use std::path::Path;

use super::{Combine, ConfigError, Env, from_toml, read::read_toml};
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

/// What a flag says, in the words of a project's file: `version = "3.11"`.
pub fn flag_options(text: &str) -> Result<Options, ConfigError> {
    from_toml(text).map_err(|fault| ConfigError::Flag {
        text: text.to_owned(),
        fault,
    })
}

/// What the environment says, for projects without a directory.
pub fn env_options(env: &Env) -> Result<Options, ConfigError> {
    let port = port(env.app_port.as_ref(), "CODEMATE_PREVIEW_APP_PORT")?;
    let port = port.or(self::port(env.port.as_ref(), "CODEMATE_PREVIEW_PORT")?);
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
        port,
        ..Options::default()
    })
}

/// Where the environment wants the gateway.
pub fn env_gateway_port(env: &Env) -> Result<Option<u16>, ConfigError> {
    port(env.gateway_port.as_ref(), "CODEMATE_PREVIEW_GATEWAY_PORT")
}

/// What to say of variables that have another name now.
pub fn renamed(env: &Env) -> Option<&'static str> {
    (env.port.is_some() && env.app_port.is_none()).then_some(
        "`CODEMATE_PREVIEW_PORT` is the port of the app, and is called `CODEMATE_PREVIEW_APP_PORT` \
         now; the gateway's is `CODEMATE_PREVIEW_GATEWAY_PORT`",
    )
}

fn port(value: Option<&String>, variable: &'static str) -> Result<Option<u16>, ConfigError> {
    let read = |value: &String| match value.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(ConfigError::Variable {
            variable,
            value: value.clone(),
            reason: "expected a port from 1 to 65535",
        }),
    };
    value.map(read).transpose()
}
