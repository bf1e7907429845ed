//! `Env`: the environment, read once and only here.

use std::path::PathBuf;

/// A variable we read, for the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    pub doc: &'static str,
}

macro_rules! variables {
    ($($name:literal: $doc:literal,)+) => {
        /// Every variable of ours, and those of others that we heed.
        pub const VARIABLES: &[Variable] = &[$(Variable { name: $name, doc: $doc }),+];
    };
}

variables! {
    "CODEMATE_PREVIEW_NAME": "name of the instance, as --name",
    "CODEMATE_PREVIEW_TEMPLATE": "template to take, as --template",
    "CODEMATE_PREVIEW_IMAGE": "image to run in, as --image",
    "CODEMATE_PREVIEW_PORT": "port the app listens on, as --port",
    "CODEMATE_PREVIEW_MEMORY": "memory of an instance, such as 512MiB",
    "CODEMATE_PREVIEW_CPUS": "cores of an instance, such as 0.5",
    "CODEMATE_PREVIEW_GATEWAY_PORT": "port of the gateway; another free one is taken if it is in use",
    "CODEMATE_PREVIEW_CA_BUNDLE": "PEM file of certificate authorities for builds and instances",
    "CODEMATE_PREVIEW_MOST_MEMORY": "the most memory any instance may ask for",
    "CODEMATE_PREVIEW_MOST_CPUS": "the most cores any instance may ask for",
    "CODEMATE_PREVIEW_LOG": "what the agent logs, such as info or codemate_preview=debug",
    "CODEMATE_PREVIEW_CONFIG_DIR": "directory of config.toml and of the user's templates",
    "CODEMATE_PREVIEW_STATE_DIR": "directory of records and logs",
    "CODEMATE_PREVIEW_RUNTIME_DIR": "directory of the agent's socket and locks",
    "DOCKER_HOST": "the Docker engine to use",
    "DOCKER_CONTEXT": "the Docker context to use when DOCKER_HOST is not set",
    "DOCKER_CONFIG": "directory of Docker's own settings",
    "DOCKER_TLS_VERIFY": "whether a Docker engine over TCP must prove who it is",
    "DOCKER_CERT_PATH": "directory of the certificates for a Docker engine over TCP",
    "HOME": "the user's directory",
    "XDG_RUNTIME_DIR": "where sockets of this user belong",
    "SSL_CERT_FILE": "PEM file of certificate authorities, when CODEMATE_PREVIEW_CA_BUNDLE is not set",
    "CI": "set in continuous integration; nothing is asked then",
    "TERM": "kind of terminal; none is decorated if it is dumb",
    "NO_COLOR": "no colour, whatever the terminal",
    "CLICOLOR_FORCE": "colour, whatever the terminal",
    "FORCE_COLOR": "the same",
}

/// What we take from the environment. An empty variable counts as unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Env {
    /// `CODEMATE_PREVIEW_NAME`, not yet read as a name; so too with those below.
    pub name: Option<String>,
    pub template: Option<String>,
    pub image: Option<String>,
    pub port: Option<String>,
    pub memory: Option<String>,
    pub cpus: Option<String>,
    pub gateway_port: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    pub most_memory: Option<String>,
    pub most_cpus: Option<String>,
    /// `CODEMATE_PREVIEW_LOG`
    pub log: Option<String>,
    pub config_dir: Option<PathBuf>,
    pub state_dir: Option<PathBuf>,
    pub runtime_dir: Option<PathBuf>,
    pub docker_host: Option<String>,
    pub docker_context: Option<String>,
    pub docker_config: Option<PathBuf>,
    pub docker_tls_verify: Option<String>,
    pub docker_cert_path: Option<PathBuf>,
    pub home: Option<PathBuf>,
    pub xdg_runtime_dir: Option<PathBuf>,
    /// Where the platform wants settings and state of ours, from HOME and the XDG variables.
    pub platform: Option<PlatformDirs>,
    pub ssl_cert_file: Option<PathBuf>,
    /// `CI`, when neither empty nor `false` nor `0`.
    pub ci: bool,
    pub term: Option<String>,
    /// `NO_COLOR`, when it is not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` or `FORCE_COLOR`, when neither empty nor `0`.
    pub force_color: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformDirs {
    pub config: PathBuf,
    pub state: PathBuf,
}

impl Env {
    /// Once, in `main`.
    pub fn capture() -> Self {
        let on = |name| text(name).is_some_and(|value| value != "0" && value != "false");
        Self {
            name: text("CODEMATE_PREVIEW_NAME"),
            template: text("CODEMATE_PREVIEW_TEMPLATE"),
            image: text("CODEMATE_PREVIEW_IMAGE"),
            port: text("CODEMATE_PREVIEW_PORT"),
            memory: text("CODEMATE_PREVIEW_MEMORY"),
            cpus: text("CODEMATE_PREVIEW_CPUS"),
            gateway_port: text("CODEMATE_PREVIEW_GATEWAY_PORT"),
            ca_bundle: path("CODEMATE_PREVIEW_CA_BUNDLE"),
            most_memory: text("CODEMATE_PREVIEW_MOST_MEMORY"),
            most_cpus: text("CODEMATE_PREVIEW_MOST_CPUS"),
            log: text("CODEMATE_PREVIEW_LOG"),
            config_dir: path("CODEMATE_PREVIEW_CONFIG_DIR"),
            state_dir: path("CODEMATE_PREVIEW_STATE_DIR"),
            runtime_dir: path("CODEMATE_PREVIEW_RUNTIME_DIR"),
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: path("DOCKER_CONFIG"),
            docker_tls_verify: text("DOCKER_TLS_VERIFY"),
            docker_cert_path: path("DOCKER_CERT_PATH"),
            home: path("HOME"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            platform: platform(),
            ssl_cert_file: path("SSL_CERT_FILE"),
            ci: on("CI"),
            term: text("TERM"),
            no_color: text("NO_COLOR").is_some(),
            force_color: on("CLICOLOR_FORCE") || on("FORCE_COLOR"),
        }
    }

    /// The certificate authorities of this host's network, if it was told of any.
    pub fn authorities(&self) -> Option<&PathBuf> {
        self.ca_bundle.as_ref().or(self.ssl_cert_file.as_ref())
    }
}

fn platform() -> Option<PlatformDirs> {
    let dirs = directories::ProjectDirs::from("", "", "codemate-preview")?;
    Some(PlatformDirs {
        config: dirs.config_dir().to_owned(),
        state: dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_ours_that_is_read_is_in_the_table_and_the_other_way_round() {
        let source = include_str!("env_vars.rs").split("mod tests").next().unwrap();
        for variable in VARIABLES {
            let read = ["text", "path", "on"]
                .iter()
                .any(|f| source.contains(&format!("{f}(\"{}\")", variable.name)));
            assert!(read, "{} is in the table and is not read", variable.name);
        }
        for quoted in source.split("(\"").skip(1).filter_map(|rest| rest.split_once("\")")) {
            let name = quoted.0;
            if name.starts_with("CODEMATE_PREVIEW_") {
                assert!(
                    VARIABLES.iter().any(|known| known.name == name),
                    "{name} is not in the table"
                );
            }
        }
    }
}
