//! `LifecycleError`: every way an instance can fail to come up, stay up or go down.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::ConfigError,
    engine::EngineError,
    gateway::GatewayError,
    lifecycle::{
        explain,
        host::images::{describe_base, is_made},
        instance::{
            disk::Overrun,
            readiness::not_ready::{NotReadyReason, describe_start},
        },
    },
    model::{
        AppExit, Code, FailureKind, GrantId, InstanceId, PhaseKind, Problem, Size, command_line,
    },
    project::{ProjectError, images::ImageSource},
    security::PolicyError,
    source::SourceError,
    store::{Record, StoreError},
    sync::SyncError,
    tunnel::TunnelError,
};

#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    #[error("there is no preview `{asked}`")]
    NotFound { asked: String },
    #[error("`{name}` is {phase}, and this needs it running")]
    NotRunning {
        name: String,
        phase: PhaseKind,
        /// What brings it up.
        up: Vec<String>,
    },
    /// What happened, or was asked, cannot be in this state.
    #[error("`{name}` is {is}: `{event}` cannot happen")]
    WrongState {
        name: String,
        is: String,
        event: &'static str,
    },
    #[error(transparent)]
    Project(Box<ProjectError>),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Config(#[from] ConfigError),
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
    #[error("{}", describe_base(image, sources))]
    NoBase {
        image: String,
        sources: Vec<ImageSource>,
    },
    #[error("`{command}` failed with exit code {code}{}", after(&explain::of_install(lines)))]
    Install {
        command: String,
        argv: Vec<String>,
        code: i32,
        /// What it wrote.
        lines: Vec<String>,
    },
    #[error("`{command}` ran out of memory{}", after(&explain::of_install(lines)))]
    InstallOutOfMemory {
        command: String,
        limit_bytes: Option<u64>,
        lines: Vec<String>,
    },
    #[error("{}", describe_exit(exit, *answered))]
    AppExited {
        exit: Box<AppExit>,
        /// Whether it had answered before.
        answered: bool,
    },
    #[error("{}{}", describe_start(*waited, seen), after(&explain::of_app(last_lines)))]
    NotReady {
        waited: Duration,
        seen: NotReadyReason,
        last_lines: Vec<String>,
    },
    /// Any of these, with its cause.
    #[error("{problem}")]
    Explained { problem: Box<Problem> },
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
    #[error("{}", describe_overrun(.0))]
    Disk(Overrun),
    #[error(
        "{} are free on the disk of {}, and nothing is started below {}",
        Size(*free),
        at.display(),
        Size(*floor)
    )]
    NoRoom { at: PathBuf, free: u64, floor: u64 },
    #[error("the agent is shutting down")]
    ShuttingDown,
}

impl From<StoreError> for LifecycleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::ShuttingDown,
            error => Self::Store(error),
        }
    }
}

impl From<ProjectError> for LifecycleError {
    fn from(error: ProjectError) -> Self {
        Self::Project(Box::new(error))
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
            Self::NotRunning { up, .. } => problem(Code::NotFound)
                .of(FailureKind::NotRunning)
                .hint(format!("`{}` starts it", command_line(up)))
                .next_owned(up.clone(), "starts it"),
            Self::WrongState { .. } => problem(Code::Internal)
                .hint("`codemate-preview agent logs` says how it came to that"),
            Self::Project(error) => error.problem(),
            Self::Source(error) => error.problem(),
            Self::Policy(error) => error.problem(),
            Self::Engine(error) => error.problem(),
            Self::Sync(error) => error.problem(),
            Self::Store(error) => error.problem(),
            Self::Config(error) => error.problem(),
            Self::Gateway(error) => error.problem(),
            Self::NoTunnel(error) => error.problem(),
            Self::Explained { problem } => problem.as_ref().clone(),
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
            Self::NoBase { sources, .. } => no_base(problem(Code::Docker), sources),
            Self::Install { .. } => problem(Code::Install).hint(
                "correct what the lines above name, then run `codemate-preview up` again; `[install] commands` in codemate-preview.toml replaces the command",
            ),
            Self::InstallOutOfMemory { limit_bytes, .. } => problem(Code::Install).hint(format!(
                "give it more with `--memory`{}",
                limit_bytes.map_or(String::new(), |bytes| format!("; it had {}", Size(bytes)))
            )),
            Self::AppExited { exit, .. } if exit.out_of_memory => {
                problem(Code::AppExited).hint("give it more with `--memory`")
            }
            Self::AppExited { exit, .. } if exit.code == Some(0) => {
                problem(Code::AppExited).hint(foreground(&exit.last_lines))
            }
            Self::AppExited { .. } => problem(Code::AppExited)
                .hint("correct the app, or set `[run] command` in codemate-preview.toml"),
            Self::NotReady {
                seen: NotReadyReason::Crashed,
                ..
            } => problem(Code::AppExited).hint(NotReadyReason::Crashed.remedy()),
            Self::NotReady { seen, .. } => not_ready(problem(Code::TimedOut), seen),
            Self::Disk(Overrun::Limit { .. }) => problem(Code::Policy).hint(
                "`--disk` gives it more; `codemate-preview up --rebuild` starts with nothing kept",
            ),
            Self::Disk(Overrun::Host { .. }) | Self::NoRoom { .. } => problem(Code::Policy)
                .hint("free space on the disk; `codemate-preview prune` removes what is not needed")
                .retryable(),
            Self::Cancelled { .. } => problem(Code::Interrupted),
            Self::WaitTimedOut { .. } => problem(Code::TimedOut).retryable(),
            Self::ShuttingDown => problem(Code::Agent).retryable(),
        }
    }
}

fn no_base(problem: Problem, sources: &[ImageSource]) -> Problem {
    let wanted = sources.iter().find_map(|source| match source {
        ImageSource::Image(name) if !is_made(sources) => Some(name.as_str()),
        _ => None,
    });
    problem
        .hint("where no registry answers, `images/bootstrap trixie` in the source tree makes a first one")
        .next(
            &["docker", "pull", wanted.unwrap_or("debian:trixie-slim")],
            "fetches what the image is made from",
        )
}

fn not_ready(problem: Problem, seen: &NotReadyReason) -> Problem {
    let problem = problem.hint(seen.remedy());
    match seen {
        NotReadyReason::OtherPort { found, .. } if !found.is_empty() => {
            let port = found[0].to_string();
            let argv = ["codemate-preview", "up", "--port", port.as_str()];
            problem.next(&argv, "takes the port that it answers on")
        }
        _ => problem,
    }
}

fn describe_overrun(overrun: &Overrun) -> String {
    match overrun {
        Overrun::Limit {
            used,
            limit,
            rate,
            unseen,
        } => format!(
            "it was stopped: it holds {} on disk and may hold {}; what is written between two \
             looks goes past the limit, here {} a second for {}",
            Size(*used),
            Size(*limit),
            Size(*rate),
            humantime::format_duration(Duration::from_secs(unseen.as_secs().max(1))),
        ),
        Overrun::Host { free, floor, used } => format!(
            "it was stopped: {} of the host's disk are free, {} have to be, and of all previews \
             it holds most, {}",
            Size(*free),
            Size(*floor),
            Size(*used),
        ),
    }
}

impl LifecycleError {
    /// What was asked needs a container, and there is none.
    pub fn not_running(record: &Record) -> Self {
        Self::NotRunning {
            name: record.name.to_string(),
            phase: record.phase.kind(),
            up: record.up_command(),
        }
    }

    /// The stream to the guest ended while something was waited for on it.
    pub(super) fn network_lost(id: &InstanceId) -> Self {
        Self::Engine(EngineError::Link {
            id: id.to_string(),
            reason: "it ended in the middle of a start".to_owned(),
        })
    }
}

fn after(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |text, line| text + "\n  " + line)
}

/// What a program that ended well should do in place of that.
fn foreground(last_lines: &[String]) -> &'static str {
    let said = |words: &str| last_lines.iter().any(|line| line.contains(words));
    if said("[PM2]") {
        "a preview runs a program that stays in the foreground: start it with `pm2-runtime` in place of `pm2 start`, or without pm2"
    } else if said("Forever processing file") || said("forever") {
        "a preview runs a program that stays in the foreground: leave `forever start` out of the command"
    } else {
        "a preview needs a program that keeps running and listens on a port: one that goes into the background is kept only while it listens; `[run] command` in codemate-preview.toml replaces the command"
    }
}

fn describe_exit(exit: &AppExit, answered: bool) -> String {
    let when = if answered { "" } else { " before it answered" };

    let how = if exit.out_of_memory {
        match (exit.peak_bytes, exit.limit_bytes) {
            (Some(peak), Some(limit)) => format!(
                "the app ran out of memory: it used {} of the {} it may",
                Size(peak),
                Size(limit)
            ),
            (_, Some(limit)) => format!("the app ran out of memory: it may use {}", Size(limit)),
            _ => "the app ran out of memory".to_owned(),
        }
    } else if let Some(signal) = exit.signal {
        format!("the app was ended by signal {signal}{when}")
    } else {
        let code = exit.code.unwrap_or_default();
        format!("the app exited with code {code}{when}")
    };
    how + &after(&explain::of_app(&exit.last_lines))
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
            answered: false,
        };
        assert_eq!(
            error.to_string(),
            "the app ran out of memory: it used 64 MiB of the 64 MiB it may\n  loading"
        );
        assert_eq!(error.problem().code, Code::AppExited);
    }
}
