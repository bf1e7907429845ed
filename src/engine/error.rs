//! `EngineError`: what can go wrong with an engine, and what the user can do about each.

use crate::model::{Code, Problem};

#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// Nothing listens where the engine should be.
    #[error("no Docker engine answers at {endpoint}: {reason}")]
    Unreachable { endpoint: String, reason: String },
    /// The socket is there, but not for this user.
    #[error("not allowed to talk to the Docker engine at {endpoint}")]
    Forbidden { endpoint: String },
    /// It took the connection and said nothing.
    #[error("the Docker engine at {endpoint} did not answer within {seconds} s")]
    Hanging { endpoint: String, seconds: u64 },
    /// `DOCKER_HOST` or the context cannot be used.
    #[error("cannot use the Docker endpoint `{endpoint}`: {reason}")]
    BadEndpoint { endpoint: String, reason: String },
    /// It was asked for what its [`Capabilities`](super::Capabilities) do not declare.
    #[error("this engine cannot {operation}")]
    Unsupported { operation: &'static str },
    /// The object asked about is not there.
    #[error("{what} does not exist")]
    Missing { what: String },
    /// An image is neither there nor to be pulled.
    #[error("image {image} is not here and cannot be pulled: {reason}")]
    NoImage { image: String, reason: String },
    #[error("building {image} failed at step {step}: {reason}")]
    Build {
        image: String,
        step: String,
        reason: String,
        last_lines: Vec<String>,
    },
    #[error("the engine's disk is full while {operation}")]
    DiskFull { operation: String },
    /// It does the same for somebody else, and does it for one at a time.
    #[error("the Docker engine is busy: somebody else has asked it to {operation}")]
    Busy { operation: String },
    /// The engine dropped or weakened something we asked for.
    #[error("the engine did not apply {what}")]
    Weakened { what: String },
    /// What stands between an instance and the host does not, or cannot be seen to.
    #[error("the preview's network is not held: {reason}")]
    Unguarded { reason: String },
    /// Every network that could be given to an instance is taken.
    #[error("no network is left for a preview in {pool}")]
    NoNetwork { pool: String },
    /// The guest's stream broke or spoke nonsense.
    #[error("lost the connection to the inside of {id}: {reason}")]
    Link { id: String, reason: String },
    /// The engine said no, with a status we know no better word for.
    #[error("the Docker engine refused to {operation} ({status}): {reason}")]
    Refused {
        operation: String,
        status: u16,
        reason: String,
    },
}

impl EngineError {
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Unguarded { .. } => Code::Policy,
            _ => Code::Docker,
        };
        let problem = Problem::new(code, self.to_string());
        match self {
            Self::Unreachable { .. } => problem
                .hint("start Docker (`systemctl start docker` or Docker Desktop), or set DOCKER_HOST")
                .next(&["codemate-preview", "doctor"], "checks everything a preview needs")
                .retryable(),
            Self::Forbidden { .. } => problem.hint(
                "add yourself to the `docker` group (`sudo usermod -aG docker $USER`, then log in again), or set DOCKER_HOST to a rootless engine",
            ),
            Self::Hanging { .. } => problem
                .hint("on a busy machine it may only need more time: run the command again; `docker info` says whether it answers at all")
                .next(&["codemate-preview", "doctor"], "checks everything a preview needs")
                .retryable(),
            Self::BadEndpoint { .. } => {
                problem.hint("see `docker context ls`; unset DOCKER_HOST to use the default socket")
            }
            Self::Unsupported { .. } | Self::Missing { .. } | Self::Weakened { .. } => problem,
            Self::NoImage { .. } => problem
                .hint("build the base images")
                .next(&["codemate-preview", "images", "build"], "builds every base image"),
            Self::Build { last_lines, .. } => {
                let mut problem = problem.hint("the lines above are the build's own");
                for line in last_lines {
                    problem.message.push('\n');
                    problem.message.push_str(line);
                }
                problem
            }
            Self::DiskFull { .. } => problem
                .hint("free space: `codemate-preview images prune`, `docker system df`"),
            Self::Busy { .. } => problem
                .hint("try again when it is done; `docker system df` keeps it busy too")
                .retryable(),
            Self::Unguarded { .. } => problem
                .hint("nothing was started; the engine's kernel must offer nf_tables to containers with NET_ADMIN")
                .next(&["codemate-preview", "doctor"], "checks everything a preview needs"),
            Self::NoNetwork { .. } => problem
                .hint("name another network in `networks` of `[sandbox]` in config.toml"),
            Self::Link { .. } => problem.retryable(),
            Self::Refused { .. } => problem.next(
                &["codemate-preview", "doctor"],
                "checks everything a preview needs",
            ),
        }
    }
}
