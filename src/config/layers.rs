//! `Combine`: one layer of settings laid over another; and the environment's layer.

use std::collections::BTreeMap;

use super::{ConfigError, Env, parse_bytes};
use crate::model::{
    InstallOptions, LimitOptions, Name, Options, ProxyOptions, ReadyOptions, ReloadOptions,
    RunOptions, SyncOptions,
};

pub trait Combine {
    /// What `self` says, and what `under` says where `self` is silent.
    #[must_use]
    fn combine(self, under: Self) -> Self;
}

impl<T> Combine for Option<T> {
    fn combine(self, under: Self) -> Self {
        self.or(under)
    }
}

impl<K: Ord, V> Combine for BTreeMap<K, V> {
    fn combine(self, mut under: Self) -> Self {
        under.extend(self);
        under
    }
}

macro_rules! by_field {
    ($($group:ident { $($field:ident),+ })+) => {$(
        impl Combine for $group {
            fn combine(self, under: Self) -> Self {
                Self { $($field: self.$field.combine(under.$field)),+ }
            }
        }
    )+};
}

by_field! {
    Options { schema, name, root, template, image, version, port, set, env, install, run, ready, reload, sync, proxy, limits }
    InstallOptions { commands, inputs }
    RunOptions { command }
    ReadyOptions { path, status, timeout }
    ReloadOptions { mode, restart_on }
    SyncOptions { ignore }
    ProxyOptions { host }
    LimitOptions { cpus, memory }
}

/// What the environment says about a project.
pub fn from_env(env: &Env) -> Result<Options, ConfigError> {
    let name = env.name.as_deref().map(|text| {
        text.parse::<Name>()
            .map_err(|error| variable("CODEMATE_PREVIEW_NAME", text, &error.to_string()))
    });
    let memory = env.memory.as_deref().map(|text| {
        parse_bytes(text).map(|_| text.to_owned()).map_err(|_| {
            variable("CODEMATE_PREVIEW_MEMORY", text, "expected a size, such as 512MiB")
        })
    });
    Ok(Options {
        name: name.transpose()?,
        template: env.template.clone(),
        image: env.image.clone(),
        port: port("CODEMATE_PREVIEW_PORT", env.port.as_deref())?,
        limits: LimitOptions {
            cpus: cpus("CODEMATE_PREVIEW_CPUS", env.cpus.as_deref())?,
            memory: memory.transpose()?,
        },
        ..Options::default()
    })
}

/// A variable that holds a port.
pub(super) fn port(name: &'static str, value: Option<&str>) -> Result<Option<u16>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    match text.parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(variable(name, text, "expected a port from 1 to 65535")),
    }
}

/// A variable that holds a number of cores.
pub(super) fn cpus(name: &'static str, value: Option<&str>) -> Result<Option<f64>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(cores) if cores.is_finite() && cores > 0.0 => Ok(Some(cores)),
        _ => Err(variable(name, text, "expected a number of cores, such as 0.5")),
    }
}

pub(super) fn variable(name: &'static str, value: &str, reason: &str) -> ConfigError {
    ConfigError::Variable { variable: name, value: value.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn the_upper_layer_wins_and_maps_are_merged() {
        let upper = Options {
            port: Some(1),
            env: BTreeMap::from([("A".to_owned(), Secret::new("upper"))]),
            ..Options::default()
        };
        let under = Options {
            port: Some(2),
            template: Some("flask".to_owned()),
            env: BTreeMap::from([
                ("A".to_owned(), Secret::new("under")),
                ("B".to_owned(), Secret::new("under")),
            ]),
            ..Options::default()
        };
        let both = upper.combine(under);
        assert_eq!(both.port, Some(1));
        assert_eq!(both.template.as_deref(), Some("flask"));
        assert_eq!(both.env["A"].reveal(), "upper");
        assert_eq!(both.env["B"].reveal(), "under");
    }

    #[test]
    fn the_environment_is_read_and_its_faults_name_the_variable() {
        let env = Env {
            port: Some("5001".to_owned()),
            cpus: Some("0.5".to_owned()),
            memory: Some("1g".to_owned()),
            name: Some("shop".to_owned()),
            ..Env::default()
        };
        let options = from_env(&env).unwrap();
        assert_eq!((options.port, options.limits.cpus), (Some(5001), Some(0.5)));
        for (wrong, named) in [
            (Env { port: Some("0".to_owned()), ..Env::default() }, "CODEMATE_PREVIEW_PORT"),
            (Env { cpus: Some("inf".to_owned()), ..Env::default() }, "CODEMATE_PREVIEW_CPUS"),
            (Env { memory: Some("much".to_owned()), ..Env::default() }, "CODEMATE_PREVIEW_MEMORY"),
            (Env { name: Some("A B".to_owned()), ..Env::default() }, "CODEMATE_PREVIEW_NAME"),
        ] {
            let error = from_env(&wrong).unwrap_err();
            assert!(matches!(error, ConfigError::Variable { variable, .. } if variable == named));
        }
    }
}
