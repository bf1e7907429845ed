//! `cloudflared`, the program: where it is, how it is configured, how it says how it is.
//!
//! It is configured by its environment, for a flag that a version does not know ends it and a
//! variable does not; and asked over its metrics endpoint, for its log is no interface.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use super::{Launch, Programs, Tools, TunnelError, program};
use crate::{config::CloudflareSettings, http_client, store::Store};

const NAME: &str = "cloudflared";
/// How to have it.
pub const HINT: &str = "install `cloudflared`, or say where it is as `tunnels.cloudflare.program`";
/// How long it takes after SIGTERM, at most, for requests under way. Its own default is 30 s.
const GRACE: &str = "3s";
/// How long it may take to say its version, or to answer on loopback.
const ANSWERING: Duration = Duration::from_secs(5);

pub fn find(tools: &Tools) -> Result<PathBuf, TunnelError> {
    let named = tools.settings.cloudflare.program.as_deref();
    let name = named.unwrap_or(Path::new(NAME));
    program::find(name, tools.path.as_deref()).ok_or_else(|| TunnelError::ProgramMissing {
        program: name.display().to_string(),
        hint: HINT,
    })
}

/// What it says of itself, such as `cloudflared version 2026.8.2 (built …)`.
pub async fn version(program: &Path, programs: &Programs) -> Result<String, TunnelError> {
    let unusable = |why: String| TunnelError::ProgramUnusable {
        program: program.display().to_string(),
        why,
    };
    let said = Command::new(program)
        .arg("--version")
        .env_clear()
        .envs(programs.inherited().iter())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(ANSWERING, said)
        .await
        .map_err(|_| unusable("it does not say its version".to_owned()))?
        .map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.trim().to_owned()),
        _ => Err(unusable("it does not say its version".to_owned())),
    }
}

/// An empty configuration file: without one it reads the user's own, whose rules would apply.
pub fn empty_config(store: &Store) -> Result<PathBuf, TunnelError> {
    let path = store.tunnels().join("cloudflared.yml");
    std::fs::write(&path, "").map_err(|error| TunnelError::Settings {
        what: format!("`{}` cannot be written: {error}", path.display()),
        hint: "make the state directory writable".to_owned(),
    })?;
    Ok(path)
}

/// The program with what every use of it has in common; arguments and more are the caller's.
pub fn launch(program: PathBuf, settings: &CloudflareSettings, metrics: SocketAddr) -> Launch {
    let mut launch = Launch::new(program)
        .env("NO_AUTOUPDATE", "true")
        .env("TUNNEL_LOG_OUTPUT", "json")
        .env("TUNNEL_NO_PRECHECKS", "true")
        .env("TUNNEL_GRACE_PERIOD", GRACE)
        .env("TUNNEL_METRICS", metrics.to_string());
    if let Some(edge) = &settings.edge {
        launch = launch.env("TUNNEL_EDGE", edge);
    }
    if let Some(authorities) = &settings.edge_ca {
        launch = launch.env("TUNNEL_CACERT", authorities.display().to_string());
    }
    launch
}

/// The endpoint at which one `cloudflared` says how it is.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub addr: SocketAddr,
    client: reqwest::Client,
}

/// Whether it is connected to the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Connected,
    /// It runs, without a connection.
    Unconnected,
    /// Nothing answers.
    Silent,
}

#[derive(Deserialize)]
struct QuickTunnel {
    #[serde(default)]
    hostname: String,
}

impl Metrics {
    /// At a port that is free now. If it is not by the time the program runs, the program ends at
    /// once, and the next attempt takes another.
    pub fn pick() -> Result<Self, TunnelError> {
        let unusable = |why: String| TunnelError::Unreachable {
            what: "127.0.0.1".to_owned(),
            why,
        };
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| unusable(error.to_string()))?;
        Self::at(addr)
    }

    fn at(addr: SocketAddr) -> Result<Self, TunnelError> {
        // A proxy would look on another host's loopback.
        let builder = http_client::builder(None)?.no_proxy().timeout(ANSWERING);
        let client = http_client::build(builder)?;
        Ok(Self { addr, client })
    }

    pub async fn readiness(&self) -> Readiness {
        match self.get("ready").await {
            Ok(response) if response.status().is_success() => Readiness::Connected,
            Ok(_) => Readiness::Unconnected,
            Err(_) => Readiness::Silent,
        }
    }

    /// Of a quick tunnel, without a scheme.
    pub async fn hostname(&self) -> Option<String> {
        let response = self.get("quicktunnel").await.ok()?;
        let said: QuickTunnel = response.json().await.ok()?;
        Some(said.hostname).filter(|name| !name.is_empty())
    }

    async fn get(&self, what: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}/{what}", self.addr);
        self.client.get(url).send().await
    }
}

/// One line of its log.
#[derive(Debug, Default, Deserialize)]
struct LogRecord {
    #[serde(default)]
    level: String,
    message: Option<String>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    status_code: String,
}

/// What its last lines say, for people: without the chatter if something went wrong.
pub fn readable(lines: &[String]) -> Vec<String> {
    let entries: Vec<(bool, String)> = lines.iter().map(|line| tell(line)).collect();
    let any_wrong = entries.iter().any(|(wrong, _)| *wrong);
    entries
        .into_iter()
        .filter(|(wrong, _)| *wrong || !any_wrong)
        .map(|(_, text)| text)
        .collect()
}

/// Whether a line says that something is wrong, and what it says.
fn tell(line: &str) -> (bool, String) {
    let Ok(entry) = serde_json::from_str::<LogRecord>(line) else {
        // It says why it ends in plain text.
        return (true, line.to_owned());
    };
    let wrong = matches!(entry.level.as_str(), "error" | "fatal" | "warn");
    let message = entry.message.unwrap_or_default();
    let text = match (message.is_empty(), entry.error.is_empty()) {
        (false, false) => format!("{message}: {}", entry.error),
        (true, false) => entry.error,
        (_, true) => message,
    };
    (wrong, text)
}

/// The line by which it says that the service wants fewer quick tunnels, if it said so.
///
/// It has no other way to say it: its exit code is 1 for everything.
pub fn too_many(lines: &[String]) -> Option<String> {
    lines.iter().find_map(|line| {
        let entry = serde_json::from_str::<LogRecord>(line).unwrap_or_default();
        let said = entry.message.as_deref().unwrap_or(line);
        let refused = entry.status_code.starts_with("429")
            || said.contains("error code: 1015")
            || said.contains("429 Too Many Requests");
        refused.then(|| said.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cloudflared 2026.8.2 said it.
    const REFUSED: &str = r#"{"error":"invalid character 'e' looking for beginning of value","level":"error","message":"Error unmarshaling QuickTunnel response: error code: 1015","status_code":"429 Too Many Requests","time":"2026-11-23T15:13:50Z"}"#;
    const CHATTER: &str = r#"{"level":"info","message":"Requesting new quick Tunnel on trycloudflare.com...","time":"2026-11-23T15:13:50Z"}"#;
    const LAST: &str = "failed to parse quick Tunnel ID: invalid UUID length: 0";

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn being_refused_for_too_many_is_told_from_other_failures() {
        assert_eq!(
            too_many(&lines(&[CHATTER, REFUSED])).as_deref(),
            Some("Error unmarshaling QuickTunnel response: error code: 1015")
        );
        // As versions without the JSON log say it.
        let text = r#"ERR Error unmarshaling QuickTunnel response: error code: 1015 error="invalid character" status_code="429 Too Many Requests""#;
        assert!(too_many(&lines(&[text])).is_some());
        assert_eq!(too_many(&lines(&[CHATTER, LAST])), None);
        assert_eq!(too_many(&[]), None);
    }

    #[test]
    fn people_read_messages_and_not_json() {
        assert_eq!(readable(&lines(&[CHATTER, LAST])), [LAST]);
        assert_eq!(
            readable(&lines(&[REFUSED])),
            [
                "Error unmarshaling QuickTunnel response: error code: 1015: \
             invalid character 'e' looking for beginning of value"
            ]
        );
        assert_eq!(
            readable(&lines(&[CHATTER])),
            ["Requesting new quick Tunnel on trycloudflare.com..."]
        );
    }
}
