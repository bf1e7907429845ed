//! `SupabaseError`: why rows could not be read or files not be kept, and what may help.

use std::{path::PathBuf, time::Duration};

use crate::{
    http_client::HttpClientError,
    model::{Code, Problem},
    source::SourceError,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupabaseError {
    /// A setting is missing or makes no sense.
    #[error("{what}")]
    Settings { what: String, hint: String },
    /// The server does not believe who we say we are.
    #[error("the credential was refused: {said}")]
    Credential { said: String, hint: String },
    /// The user who signed in is signed in no longer; asking again cannot help.
    #[error("the session of {user} has ended: {said}")]
    SessionEnded { user: String, said: String },
    /// New tokens were given and may not be used before they are kept.
    #[error("the session cannot be kept: {problem}")]
    SessionNotKept { problem: Problem },
    /// It knows who we are, and we may not.
    #[error("the server denies it: {said}")]
    Denied { said: String },
    #[error("there is no table `{table}`: {said}")]
    NoTable { table: String, said: String },
    #[error("a column is missing: {said}")]
    NoColumn { said: String },
    /// The table is there and does not hold files.
    #[error("`{table}` {lacks}; its columns are: {}", .columns.join(", "))]
    NotFiles {
        table: String,
        /// Such as `has no column for the content`.
        lacks: String,
        columns: Vec<String>,
    },
    #[error("the server cannot make sense of a value: {said}")]
    BadValue { said: String },
    #[error("no project `{project}` can be seen{}", if *.is_certain { "" } else { " with this credential" })]
    NoProject {
        project: String,
        /// Nothing was hidden by row-level security: the id is wrong.
        is_certain: bool,
    },
    /// Nothing is deleted on the strength of this.
    #[error("the files of project `{project}` are gone from the table all at once")]
    Emptied { project: String },
    /// A listing left rows out that are there. Nothing is deleted on the strength of it.
    #[error("the server left {rows} rows out of its listing")]
    Incomplete { rows: usize },
    /// It takes the server too long: fewer rows at a time may help.
    #[error("the server gave a query up: {said}")]
    QueryTimeout { said: String },
    /// Fewer rows at a time may help.
    #[error("the answer or the question is too large: {said}")]
    TooLarge { said: String },
    #[error("the server wants fewer requests")]
    RateLimited { after: Option<Duration> },
    #[error("the server cannot answer now ({status}): {said}")]
    Unavailable { status: u16, said: String },
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    /// The answer was cut off, or is not what its type says.
    #[error("the answer is damaged: {why}")]
    Damaged { why: String },
    #[error("the server answered {status}: {said}")]
    Unexpected { status: u16, said: String },
    #[error("cannot {act} `{}`: {}", .path.display(), std::io::Error::from_raw_os_error(*.errno))]
    Disk {
        act: &'static str,
        path: PathBuf,
        errno: i32,
    },
    /// The program is ending.
    #[error("stopped while reading rows")]
    Stopped,
}

impl SupabaseError {
    pub fn settings(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Settings {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// Whether the same request may succeed in a moment.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Unreachable { .. }
                | Self::Damaged { .. }
        )
    }

    /// Whether asking for fewer rows may succeed.
    pub fn is_too_much(&self) -> bool {
        match self {
            Self::QueryTimeout { .. } | Self::TooLarge { .. } => true,
            Self::Unavailable { status, .. } => *status == 504,
            _ => false,
        }
    }

    pub fn problem(&self) -> Problem {
        let problem = Problem::new(self.code(), self.to_string());
        match self {
            Self::Settings { hint, .. } | Self::Credential { hint, .. } => problem.hint(hint),
            Self::SessionEnded { .. } => problem
                .hint("codemate-preview supabase login")
                .next(&["codemate-preview", "supabase", "login"], "signs in again"),
            Self::SessionNotKept { problem: kept } => Problem {
                hint: kept.hint.clone(),
                retryable: kept.retryable,
                ..problem
            },
            Self::Denied { .. } => {
                problem.hint("grant the role `select` on the table, or use another key or user")
            }
            Self::NoTable { .. } => problem
                .hint("name the table as `supabase.table`, or make ours")
                .next(
                    &["codemate-preview", "supabase", "schema"],
                    "prints its SQL",
                ),
            Self::NoColumn { .. } | Self::NotFiles { .. } => problem
                .hint("name the columns under `[supabase.columns]`, or another `supabase.table`"),
            Self::BadValue { .. } => problem.hint("is the project's id what the table expects?"),
            Self::NoProject {
                is_certain: true, ..
            } => problem.hint("check the project's id"),
            Self::NoProject { .. } => problem.hint(
                "the id is wrong, or row-level security hides it from who asks: sign in as a user \
                 who may see it",
            ),
            Self::Emptied { .. } => problem
                .hint("the files last seen are kept; can the project still be seen?")
                .retryable(),
            Self::QueryTimeout { .. } => problem
                .hint("an index on the project's column, or `(select auth.uid())` in its policies")
                .retryable(),
            Self::TooLarge { .. } | Self::Unexpected { .. } | Self::Disk { .. } => problem,
            Self::Incomplete { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::Damaged { .. }
            | Self::Stopped => problem.retryable(),
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Settings { .. }
            | Self::NoTable { .. }
            | Self::NoColumn { .. }
            | Self::NotFiles { .. } => Code::Config,
            Self::Credential { .. } | Self::Denied { .. } | Self::SessionEnded { .. } => {
                Code::Credential
            }
            Self::SessionNotKept { .. } => Code::Agent,
            Self::NoProject { .. } | Self::BadValue { .. } => Code::NotFound,
            Self::Stopped => Code::Terminated,
            _ => Code::Sync,
        }
    }
}

impl From<HttpClientError> for SupabaseError {
    fn from(error: HttpClientError) -> Self {
        Self::settings(error.to_string(), error.hint())
    }
}

impl From<SupabaseError> for SourceError {
    fn from(error: SupabaseError) -> Self {
        let problem = Box::new(error.problem());
        Self::Fetch { problem }
    }
}
