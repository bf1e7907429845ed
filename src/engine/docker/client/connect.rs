//! Where the engine is: `DOCKER_HOST`, then the Docker context, then the sockets engines usually have.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::engine::{EngineError, Owner, Result, docker::network::NetworkSettings};

/// What a connection needs to know. Nothing here is read from the environment by this room.
#[derive(Debug, Clone)]
pub struct DockerSettings {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_CONFIG`, or `~/.docker`.
    pub docker_config_dir: PathBuf,
    pub home: PathBuf,
    /// `XDG_RUNTIME_DIR`, where a rootless engine has its socket.
    pub runtime_dir: Option<PathBuf>,
    /// Whose objects this connection makes, finds and removes.
    pub owner: Owner,
    /// The host's certificate authorities, handed to builds and containers.
    pub ca_bundle: Option<PathBuf>,
    /// The static program that is the first process of every container.
    pub guest: &'static [u8],
    pub network: NetworkSettings,
}

/// One address an engine can be reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerEndpoint {
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

impl std::fmt::Display for DockerEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// The candidates in order of preference; the engine is at the first that exists. Never empty.
///
/// Which one that is, is decided at every new connection, for an engine may start after us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointCandidates(Vec<DockerEndpoint>);

impl EndpointCandidates {
    pub fn pick(&self) -> &DockerEndpoint {
        let exists = |endpoint: &&DockerEndpoint| match endpoint {
            DockerEndpoint::Unix(path) => path.exists(),
            DockerEndpoint::Tcp(_) => true,
        };
        self.0.iter().find(exists).unwrap_or(&self.0[0])
    }
}

/// Follows the same order as Docker's own command line.
pub fn resolve(settings: &DockerSettings) -> Result<EndpointCandidates> {
    if let Some(host) = settings.host.as_deref().filter(|host| !host.is_empty()) {
        return Ok(EndpointCandidates(vec![parse(host)?]));
    }
    let context = match settings.context.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => Some(name.to_owned()),
        None => current_context(&settings.docker_config_dir)?,
    };
    match context.as_deref() {
        None | Some("default") => Ok(usual_sockets(settings)),
        Some(name) => Ok(EndpointCandidates(vec![of_context(
            &settings.docker_config_dir,
            name,
        )?])),
    }
}

fn usual_sockets(settings: &DockerSettings) -> EndpointCandidates {
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    sockets.extend(
        settings
            .runtime_dir
            .as_ref()
            .map(|dir| dir.join("docker.sock")),
    );
    for below_home in [".docker/run", ".colima/default", ".orbstack/run"] {
        sockets.push(settings.home.join(below_home).join("docker.sock"));
    }
    EndpointCandidates(sockets.into_iter().map(DockerEndpoint::Unix).collect())
}

fn parse(text: &str) -> Result<DockerEndpoint> {
    let bad = |reason: &str| {
        Err(EngineError::BadEndpoint {
            endpoint: text.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return bad("it has no scheme; expected unix://, tcp:// or http://");
    };
    match scheme {
        "unix" if rest.starts_with('/') => Ok(DockerEndpoint::Unix(rest.into())),
        "unix" => bad("the socket's path is not absolute"),
        "tcp" | "http" => {
            let address = rest.strip_suffix('/').unwrap_or(rest);
            if address.contains('/') {
                return bad("a path after the address is not supported");
            }
            match address.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(DockerEndpoint::Tcp(address.to_owned()))
                }
                _ => bad("expected a host and a port"),
            }
        }
        "ssh" => bad(
            "engines over ssh are not supported; forward the socket with `ssh -L` and use unix://",
        ),
        "https" => bad("engines over TLS are not supported"),
        "npipe" => bad("named pipes are not supported; use the engine's socket inside WSL"),
        "fd" => bad("fd:// is for the engine itself, not for its clients"),
        _ => bad("the scheme is unknown; expected unix://, tcp:// or http://"),
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default, rename = "currentContext")]
    current_context: Option<String>,
}

fn current_context(dir: &Path) -> Result<Option<String>> {
    let path = dir.join("config.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    match serde_json::from_str::<ConfigFile>(&text) {
        Ok(file) => Ok(file.current_context.filter(|name| !name.is_empty())),
        Err(error) => Err(EngineError::BadEndpoint {
            endpoint: path.display().to_string(),
            reason: error.to_string(),
        }),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMeta {
    name: String,
    #[serde(default)]
    endpoints: ContextEndpoints,
}

#[derive(Default, Deserialize)]
struct ContextEndpoints {
    docker: Option<ContextEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    #[serde(default)]
    host: String,
}

/// The directory's name is a hash of the context's; the name inside is what counts.
fn of_context(dir: &Path, name: &str) -> Result<DockerEndpoint> {
    let bad = |reason: String| EngineError::BadEndpoint {
        endpoint: format!("context {name}"),
        reason,
    };
    let metas = dir.join("contexts/meta");
    for entry in std::fs::read_dir(&metas).into_iter().flatten().flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path().join("meta.json")) else {
            continue;
        };
        let Ok(meta) = serde_json::from_str::<ContextMeta>(&text) else {
            continue;
        };
        if meta.name != name {
            continue;
        }
        if dir
            .join("contexts/tls")
            .join(entry.file_name())
            .join("docker")
            .exists()
        {
            return Err(bad(
                "it has TLS material, and engines over TLS are not supported".to_owned(),
            ));
        }
        let docker = meta
            .endpoints
            .docker
            .filter(|endpoint| !endpoint.host.is_empty());
        return match docker {
            Some(endpoint) => parse(&endpoint.host),
            None => Err(bad("it names no Docker endpoint".to_owned())),
        };
    }
    Err(bad(format!(
        "there is no such context in {}",
        metas.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dir: &Path) -> DockerSettings {
        DockerSettings {
            host: None,
            context: None,
            docker_config_dir: dir.to_owned(),
            home: "/nobody".into(),
            runtime_dir: Some("/run/user/1".into()),
            owner: Owner("o".to_owned()),
            ca_bundle: None,
            guest: b"",
            network: NetworkSettings::default(),
        }
    }

    fn context(dir: &Path, hash: &str, name: &str, host: &str) {
        let meta = dir.join("contexts/meta").join(hash);
        std::fs::create_dir_all(&meta).unwrap();
        let text = format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        );
        std::fs::write(meta.join("meta.json"), text).unwrap();
    }

    #[test]
    fn docker_host_wins_over_a_context() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(dir.path());
        settings.host = Some("unix:///a.sock".to_owned());
        settings.context = Some("absent".to_owned());
        assert_eq!(
            resolve(&settings).unwrap().pick(),
            &DockerEndpoint::Unix("/a.sock".into())
        );
        settings.host = Some(String::new());
        assert!(matches!(
            resolve(&settings),
            Err(EngineError::BadEndpoint { .. })
        ));
    }

    #[test]
    fn the_context_named_wins_over_the_current_one() {
        let dir = tempfile::tempdir().unwrap();
        context(dir.path(), "aa", "one", "unix:///one.sock");
        context(dir.path(), "bb", "two", "tcp://10.0.0.1:2375");
        std::fs::write(
            dir.path().join("config.json"),
            r#"{"auths":{},"currentContext":"one"}"#,
        )
        .unwrap();
        let mut settings = settings(dir.path());
        assert_eq!(
            resolve(&settings).unwrap().pick(),
            &DockerEndpoint::Unix("/one.sock".into())
        );
        settings.context = Some("two".to_owned());
        assert_eq!(
            resolve(&settings).unwrap().pick(),
            &DockerEndpoint::Tcp("10.0.0.1:2375".to_owned())
        );
        settings.context = Some("default".to_owned());
        assert_eq!(resolve(&settings).unwrap(), usual_sockets(&settings));
    }

    #[test]
    fn a_context_with_tls_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        context(dir.path(), "aa", "far", "tcp://10.0.0.1:2376");
        std::fs::create_dir_all(dir.path().join("contexts/tls/aa/docker")).unwrap();
        let mut settings = settings(dir.path());
        settings.context = Some("far".to_owned());
        let error = resolve(&settings).unwrap_err();
        assert!(
            matches!(error, EngineError::BadEndpoint { ref reason, .. } if reason.contains("TLS")),
            "{error}"
        );
    }

    #[test]
    fn the_first_socket_that_exists_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there.sock");
        std::fs::write(&there, "").unwrap();
        let absent = DockerEndpoint::Unix(dir.path().join("absent.sock"));
        let both = EndpointCandidates(vec![absent.clone(), DockerEndpoint::Unix(there.clone())]);
        assert_eq!(both.pick(), &DockerEndpoint::Unix(there));
        assert_eq!(EndpointCandidates(vec![absent.clone()]).pick(), &absent);
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for text in [
            "",
            "/x",
            "unix://x",
            "tcp://",
            "tcp://h",
            "tcp://h:x",
            "http://h:1/v",
            "ssh://h",
            "https://h:1",
            "npipe:////./p",
            "ftp://h:1",
        ] {
            assert!(
                matches!(parse(text), Err(EngineError::BadEndpoint { .. })),
                "{text}"
            );
        }
        assert_eq!(
            parse("http://[::1]:2375/").unwrap(),
            DockerEndpoint::Tcp("[::1]:2375".to_owned())
        );
    }
}
