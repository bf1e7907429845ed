//! How a command ends: `Failure`, and what it is as an exit code.

use std::io;

use crate::{
    client::ClientError,
    config::ConfigError,
    model::{Code, Problem},
};

/// `exec` could not run its command; any other code of `exec` is the command's own.
pub const EXEC_FAILED: u8 = 125;

/// For `help exit-codes`.
pub const MEANINGS: [(&str, &str, &str); 17] = [
    ("0", "", "done, or already so"),
    ("1", "E_INTERNAL", "a fault of codemate-preview itself"),
    (
        "2",
        "E_USAGE",
        "wrong usage, or an answer was needed and nobody could be asked",
    ),
    ("3", "E_NOT_FOUND", "no such instance or directory"),
    (
        "4",
        "E_CREDENTIAL",
        "a credential is missing or was rejected",
    ),
    ("5", "E_DOCKER", "Docker cannot be reached or refused"),
    (
        "5",
        "E_AGENT",
        "the agent cannot be reached or started, or went away",
    ),
    (
        "6",
        "E_DETECT",
        "the project was not recognised, or not clearly",
    ),
    ("6", "E_CONFIG", "a setting is not valid"),
    ("7", "E_SYNC", "the files could not be brought in"),
    ("8", "E_INSTALL", "the dependencies could not be installed"),
    ("9", "E_APP_EXITED", "the app ended before it was ready"),
    ("10", "E_TIMED_OUT", "it took too long"),
    ("11", "E_TUNNEL", "the tunnel could not be opened"),
    ("12", "E_POLICY", "refused by policy"),
    (
        "125",
        "",
        "`exec` could not run the command; other codes are the command's own",
    ),
    (
        "130, 143",
        "E_INTERRUPTED, E_TERMINATED",
        "ended by Ctrl-C or by a request to terminate",
    ),
];

#[derive(Debug)]
pub enum Failure {
    Problem {
        problem: Problem,
        exit: u8,
    },
    /// Whoever read our standard output has gone: nothing is left to say, and nobody to say it to.
    Unread,
}

/// The exit code of a command that did what it was asked.
pub type Outcome = Result<u8, Failure>;

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Problem::new(Code::Usage, message).into()
    }

    #[must_use]
    pub fn with_exit(self, exit: u8) -> Self {
        match self {
            Self::Problem { problem, .. } => Self::Problem { problem, exit },
            Self::Unread => Self::Unread,
        }
    }

    /// Whether there is no such thing as was asked for.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Problem { problem, .. } => {
                problem.code == Code::NotFound && problem.kind.is_none()
            }
            Self::Unread => false,
        }
    }

    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem { problem, .. } => Some(problem.code),
            Self::Unread => None,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = problem.code.exit_code();
        Self::Problem { problem, exit }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        error.problem().into()
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        error.problem().into()
    }
}

/// Of writing to standard output, the only I/O that ends here without a context of its own.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        Problem::new(
            Code::Internal,
            format!("cannot write to standard output: {error}"),
        )
        .into()
    }
}
