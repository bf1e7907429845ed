//! `TunnelError`: why a tunnel is not open, and whether trying again can help.

use std::time::Duration;

use crate::{
    http_client::HttpClientError,
    model::{Code, Problem},
    store::StoreError,
};

#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    #[error("`{program}` is not installed")]
    ProgramMissing { program: String, hint: &'static str },
    #[error("`{program}` ended {how}{}", after(last_lines))]
    ProgramEnded {
        program: String,
        /// Such as `with code 1`.
        how: String,
        last_lines: Vec<String>,
    },
    #[error("`{program}` cannot be started: {why}")]
    ProgramUnusable { program: String, why: String },
    /// A setting is missing or makes no sense.
    #[error("{what}")]
    Settings { what: String, hint: String },
    /// Who we say we are is not believed, or not known.
    #[error("{by} refused the credential: {said}")]
    Credential {
        by: &'static str,
        said: String,
        hint: String,
    },
    /// The account allows no more of it.
    #[error("{by} allows no more: {said}")]
    Limit {
        by: &'static str,
        said: String,
        hint: String,
    },
    #[error("{by} wants fewer requests: {said}")]
    RateLimited {
        by: &'static str,
        said: String,
        after: Duration,
    },
    /// What an agent that is gone had open is not given up yet over there.
    #[error("{by} still holds an earlier one: {said}")]
    Held {
        by: &'static str,
        said: String,
        after: Duration,
    },
    /// The public name or port belongs to someone else.
    #[error("`{host}` is taken: {said}")]
    HostTaken {
        host: String,
        said: String,
        hint: String,
    },
    #[error("the key of `{host}` is {seen}, and {expected} was expected")]
    HostKeyChanged {
        host: String,
        seen: String,
        expected: String,
        hint: String,
    },
    /// It understood and will not do it.
    #[error("{by} refused: {said}")]
    Rejected {
        by: &'static str,
        said: String,
        hint: String,
    },
    #[error("`{what}` cannot be reached: {why}")]
    Unreachable { what: String, why: String },
    /// It was open and is not any more.
    #[error("the tunnel was lost: {why}")]
    Lost { why: String },
    #[error("{what} took longer than {}", humantime::format_duration(*.waited))]
    TimedOut { what: String, waited: Duration },
    /// What should have been a URL.
    #[error("{by} gave `{said}` for a URL")]
    NoUrl { by: String, said: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<HttpClientError> for TunnelError {
    fn from(error: HttpClientError) -> Self {
        Self::Settings {
            what: error.to_string(),
            hint: error.hint().to_owned(),
        }
    }
}

/// What may come of trying again with nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    Backoff,
    /// Not before this has passed.
    After(Duration),
}

impl TunnelError {
    pub fn retry(&self) -> Retry {
        match self {
            Self::ProgramMissing { .. }
            | Self::ProgramUnusable { .. }
            | Self::Settings { .. }
            | Self::Credential { .. }
            | Self::Limit { .. }
            | Self::HostTaken { .. }
            | Self::HostKeyChanged { .. }
            | Self::Rejected { .. }
            | Self::NoUrl { .. } => Retry::Never,
            Self::RateLimited { after, .. } | Self::Held { after, .. } => Retry::After(*after),
            Self::ProgramEnded { .. }
            | Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::TimedOut { .. }
            | Self::Store(_) => Retry::Backoff,
        }
    }

    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Credential { .. } => Code::Credential,
            Self::Settings { .. } => Code::Config,
            _ => Code::Tunnel,
        };
        let mut problem = Problem::new(code, self.to_string());
        if self.retry() != Retry::Never {
            problem = problem.retryable();
        }
        match self {
            Self::ProgramMissing { hint, .. } => problem.hint(*hint),
            Self::Settings { hint, .. }
            | Self::Credential { hint, .. }
            | Self::Limit { hint, .. }
            | Self::HostTaken { hint, .. }
            | Self::HostKeyChanged { hint, .. }
            | Self::Rejected { hint, .. } => problem.hint(hint),
            Self::RateLimited { .. } => {
                problem.hint("wait, or choose another tunnel with `--tunnel`")
            }
            Self::Held { .. } => problem.hint("it is tried again by itself for a while"),
            Self::NoUrl { .. } => problem.hint("see `[tunnels]` in the user's settings"),
            Self::ProgramEnded { .. }
            | Self::ProgramUnusable { .. }
            | Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::TimedOut { .. } => problem.next(
                &["codemate-preview", "tunnel", "doctor"],
                "checks what each tunnel needs",
            ),
            Self::Store(error) => error.problem(),
        }
    }
}

/// The last lines of a program, under its error.
fn after(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}
