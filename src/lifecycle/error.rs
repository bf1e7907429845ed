//! `LifecycleError`: every way an instance can fail to come up, stay up or go down.

use std::time::Duration;

use crate::{
    config::ConfigError,
    engine::EngineError,
    gateway::GatewayError,
    model::{AppExit, Code, GrantId, InstanceId, PhaseKind, Problem},
    project::ProjectError,
    security::PolicyError,
    source::{SourceError, supabase::SupabaseError},
    store::StoreError,
    sync::SyncError,
    tunnel::TunnelError,
};

#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    #[error("there is no preview `{asked}`")]
    NotFound { asked: String },
    #[error("`{name}` is {phase}, and this needs it running")]
    NotRunning { name: String, phase: PhaseKind },
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Supabase(#[from] SupabaseError),
    #[error("the files of `{name}` are a directory of this host, not rows of a table")]
    NotRows { name: String },
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    NoTunnel(#[from] TunnelError),
    /// Of the tunnel's supervisor.
    #[error("{problem}")]
    Tunnel { problem: Problem },
    #[error("no tunnel is chosen, and none is set up on this host")]
    NoTunnelChosen,
    #[error("no tunnel had a URL within {}", humantime::format_duration(*waited))]
    TunnelTimedOut { waited: Duration },
    #[error("`{name}` has no public URL to give a link to")]
    NoPublicUrl { name: String },
    #[error("there is no link `{id}`")]
    NoSuchLink { id: GrantId },
    #[error("{most} links are good at this time, and there can be no more")]
    TooManyLinks { most: usize },
    #[error("{problem}")]
    NotTaken { problem: Problem },
    #[error("`{key}` is {value:?}, which is no {expected}")]
    BadOption {
        key: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("there is no base image `{asked}`")]
    NoSuchImage { asked: String, known: Vec<String> },
    #[error("`{command}` failed with exit code {code}{}", after(last_lines))]
    Install {
        command: String,
        code: i32,
        last_lines: Vec<String>,
    },
    #[error("`{command}` ran out of memory{}", after(last_lines))]
    InstallOutOfMemory {
        command: String,
        limit_bytes: Option<u64>,
        last_lines: Vec<String>,
    },
    #[error("{}", describe_exit(exit))]
    AppExited { exit: Box<AppExit> },
    #[error("nothing answered within {}: {seen}", humantime::format_duration(*waited))]
    NotReady { waited: Duration, seen: Seen },
    #[error("the start of `{name}` was given up")]
    Cancelled { name: String },
    #[error("waiting for `{name}` took longer than {}", humantime::format_duration(*waited))]
    WaitTimedOut {
        name: String,
        waited: Duration,
        phase: PhaseKind,
    },
    #[error("nothing came of probing within {}", humantime::format_duration(*waited))]
    ProbeStuck { waited: Duration },
    #[error("the probe ended after {rows} results")]
    ProbeFailed { rows: usize },
    #[error("there is no image to probe from")]
    NoImageToProbe,
    #[error("the agent is shutting down")]
    ShuttingDown,
}

/// What was found when nothing answered in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    NothingListens,
    /// It listens, but not where it was told to.
    OtherPort {
        wanted: u16,
        found: Vec<u16>,
    },
    NoHttp {
        port: u16,
    },
    Status {
        port: u16,
        path: String,
        status: u16,
    },
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NothingListens => f.write_str("the app runs but listens on no port"),
            Self::OtherPort { wanted, found } => {
                write!(
                    f,
                    "port {wanted} is configured, but the app listens on {found:?}"
                )
            }
            Self::NoHttp { port } => write!(f, "port {port} is open but speaks no HTTP"),
            Self::Status { port, path, status } => {
                write!(f, "port {port} answers `{path}` with status {status}")
            }
        }
    }
}

impl LifecycleError {
    pub fn problem(&self) -> Problem {
        let problem = |code| Problem::new(code, self.to_string());
        match self {
            Self::NotFound { .. } => problem(Code::NotFound)
                .hint("`codemate-preview ls` shows what there is")
                .next(&["codemate-preview", "ls"], "lists every preview"),
            Self::ProbeStuck { .. } => problem(Code::TimedOut).hint("the agent's log says more"),
            Self::ProbeFailed { .. } => problem(Code::Internal).hint("the agent's log says more"),
            Self::NoImageToProbe => problem(Code::Docker).hint("`codemate-preview images build`"),
            Self::NotRunning { .. } => problem(Code::NotFound)
                .next(&["codemate-preview", "up"], "starts the preview of this directory"),
            Self::Project(error) => error.problem(),
            Self::Source(error) => error.problem(),
            Self::Policy(error) => error.problem(),
            Self::Engine(error) => error.problem(),
            Self::Sync(error) => error.problem(),
            Self::Store(error) => error.problem(),
            Self::Config(error) => error.problem(),
            Self::Supabase(error) => error.problem(),
            Self::NotRows { .. } => problem(Code::Usage),
            Self::Gateway(error) => error.problem(),
            Self::NoTunnel(error) => error.problem(),
            Self::NotTaken { problem } | Self::Tunnel { problem } => problem.clone(),
            Self::NoTunnelChosen => problem(Code::Tunnel)
                .hint("install cloudflared, or name another kind")
                .next(&["codemate-preview", "tunnel", "doctor"], "checks what each tunnel needs"),
            Self::TunnelTimedOut { .. } => problem(Code::Tunnel)
                .retryable()
                .next(&["codemate-preview", "tunnel", "doctor"], "checks what each tunnel needs"),
            Self::NoPublicUrl { name } => problem(Code::Tunnel).next(
                &["codemate-preview", "tunnel", "start", name],
                "opens a tunnel",
            ),
            Self::NoSuchLink { .. } => problem(Code::NotFound)
                .next(&["codemate-preview", "share", "ls"], "lists every link"),
            Self::TooManyLinks { .. } => problem(Code::Policy)
                .next(&["codemate-preview", "share", "ls"], "lists every link")
                .hint("take some back with `codemate-preview share revoke`"),
            Self::BadOption { .. } => problem(Code::Config),
            Self::NoSuchImage { known, .. } => {
                problem(Code::NotFound).hint(format!("there are {}", known.join(", ")))
            }
            Self::Install { .. } => problem(Code::Install).hint(
                "correct what the lines above name, then run `codemate-preview up` again; `[install] commands` in codemate-preview.toml replaces the command",
            ),
            Self::InstallOutOfMemory { limit_bytes, .. } => problem(Code::Install).hint(format!(
                "give it more with `--memory`{}",
                limit_bytes.map_or(String::new(), |bytes| format!("; it had {}", size(bytes)))
            )),
            Self::AppExited { exit } if exit.out_of_memory => {
                problem(Code::AppExited).hint("give it more with `--memory`")
            }
            Self::AppExited { exit } if exit.code == Some(0) => problem(Code::AppExited).hint(
                "a preview needs a program that keeps running and listens on a port; `[run] command` in codemate-preview.toml replaces the command",
            ),
            Self::AppExited { .. } => problem(Code::AppExited)
                .hint("correct the app, or set `[run] command` in codemate-preview.toml"),
            Self::NotReady { seen, .. } => problem(Code::TimedOut).hint(seen.remedy()),
            Self::Cancelled { .. } => problem(Code::Interrupted),
            Self::WaitTimedOut { .. } => problem(Code::TimedOut).retryable(),
            Self::ShuttingDown => problem(Code::Agent).retryable(),
        }
    }
}

impl LifecycleError {
    /// The stream to the guest ended while something was waited for on it.
    pub(super) fn cut_off(id: &InstanceId) -> Self {
        Self::Engine(EngineError::Link {
            id: id.to_string(),
            reason: "it ended in the middle of a start".to_owned(),
        })
    }
}

impl Seen {
    fn remedy(&self) -> &'static str {
        match self {
            Self::NothingListens => {
                "start a server in the app, or wait longer with `[ready] timeout` in codemate-preview.toml"
            }
            Self::OtherPort { .. } => {
                "have the app read the PORT variable, or leave the port out of the configuration"
            }
            Self::NoHttp { .. } => "a preview needs an HTTP server on the port",
            Self::Status { .. } => {
                "name a path that answers with `[ready] path`, or the statuses that count with `[ready] status`"
            }
        }
    }
}

fn after(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |text, line| text + "\n  " + line)
}

fn describe_exit(exit: &AppExit) -> String {
    let how = if exit.out_of_memory {
        match (exit.peak_bytes, exit.limit_bytes) {
            (Some(peak), Some(limit)) => format!(
                "the app ran out of memory: it used {} of the {} it may",
                size(peak),
                size(limit)
            ),
            (_, Some(limit)) => format!("the app ran out of memory: it may use {}", size(limit)),
            _ => "the app ran out of memory".to_owned(),
        }
    } else if let Some(signal) = exit.signal {
        format!("the app was ended by signal {signal} before it answered")
    } else {
        let code = exit.code.unwrap_or_default();
        format!("the app exited with code {code} before it answered")
    };
    how + &after(&exit.last_lines)
}

/// Bytes for people, in binary units.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let tenths = bytes * 10 / unit;
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                rest => format!("{}.{rest} {name}", tenths / 10),
            };
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_is_named_with_peak_and_limit() {
        let exit = AppExit {
            code: None,
            signal: Some(9),
            out_of_memory: true,
            peak_bytes: Some(64 << 20),
            limit_bytes: Some(64 << 20),
            last_lines: vec!["loading".to_owned()],
        };
        let error = LifecycleError::AppExited {
            exit: Box::new(exit),
        };
        assert_eq!(
            error.to_string(),
            "the app ran out of memory: it used 64 MiB of the 64 MiB it may\n  loading"
        );
        assert_eq!(error.problem().code, Code::AppExited);
    }

    #[test]
    fn sizes() {
        assert_eq!(size(512), "512 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(1 << 30), "1 GiB");
    }
}
