//! `ClientError`: why the agent could not be asked, or what it answered in place of a result.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    http_client::HttpClientError,
    model::{Code, Problem},
};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the agent is not running")]
    NotRunning,
    #[error("cannot {act} `{}`: {source}", path.display())]
    Io {
        act: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the socket `{}` belongs to uid {found}, not to you", path.display())]
    OtherUser { path: PathBuf, found: u32 },
    #[error("`{}` is not your own private directory: {why}", path.display())]
    NotPrivate { path: PathBuf, why: String },
    #[error("the path of the socket is too long: `{}`", .0.display())]
    TooLong(PathBuf),
    #[error("CODEMATE_PREVIEW_API is no `https://host:port`")]
    BadAddress,
    #[error("CODEMATE_PREVIEW_TOKEN is no token")]
    BadToken,
    #[error("the agent elsewhere speaks API {api}, and this program another")]
    OtherApi { api: u32 },
    #[error("the agent did not answer within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("the agent did not start: {}", .0.message)]
    Refused(Problem),
    #[error("the agent ended before it was ready")]
    Died { log: PathBuf },
    #[error("the agent of another version (API {api}) does not stop")]
    Stuck { api: String },
    #[error(transparent)]
    Http(#[from] HttpClientError),
    /// The agent's own answer.
    #[error("{0}")]
    Problem(Problem),
    /// It has no such route, or knows no such field.
    #[error("the agent does not understand this request: {reason}")]
    NotUnderstood { reason: String },
    #[error("the connection to the agent failed")]
    Connection(#[source] reqwest::Error),
    #[error("the agent went away in the middle of its answer")]
    Cut,
    #[error("the agent answered something that is not understood ({0})")]
    Malformed(String),
}

impl ClientError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Agent, self.to_string());
        match self {
            Self::Problem(problem) => problem.clone(),
            Self::Refused(cause) => Problem {
                message: problem.message,
                ..cause.clone()
            },
            Self::NotRunning => problem
                .hint("it starts with the first command that needs it")
                .next(&["codemate-preview", "agent", "start"], "start it now"),
            Self::OtherUser { .. } | Self::NotPrivate { .. } => {
                problem.hint("set CODEMATE_PREVIEW_RUNTIME_DIR to a directory of your own")
            }
            Self::BadAddress | Self::BadToken => Problem::new(Code::Config, self.to_string()),
            Self::OtherApi { .. } => problem.hint("install the same version here as there"),
            Self::TooLong(_) => {
                problem.hint("set CODEMATE_PREVIEW_RUNTIME_DIR to a directory with a short path")
            }
            Self::Io { .. } => problem.next(&["codemate-preview", "doctor"], "check the setup"),
            Self::Silent(_) | Self::Stuck { .. } => problem.retryable().next(
                &["codemate-preview", "agent", "restart"],
                "replace the agent",
            ),
            Self::NotUnderstood { .. } => problem
                .hint("it was started by another release of this program")
                .next(
                    &["codemate-preview", "agent", "restart"],
                    "replaces it; previews go on",
                ),
            Self::Died { log } => problem
                .hint(format!("its log is `{}`", log.display()))
                .next(&["codemate-preview", "agent", "logs"], "read why"),
            Self::Http(error) => problem.hint(error.hint()),
            Self::Connection(_) | Self::Cut | Self::Malformed(_) => problem
                .retryable()
                .next(&["codemate-preview", "agent", "logs"], "read what happened"),
        }
    }

    pub(super) fn io(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { act, path, source }
    }
}
