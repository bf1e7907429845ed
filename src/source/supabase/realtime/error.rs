//! `RealtimeError`: why changes are not told.

use std::time::Duration;

use crate::{
    http_client::HttpClientError,
    model::{Code, Problem},
    source::supabase::SupabaseError,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RealtimeError {
    #[error("Realtime at `{host}` cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("{0}")]
    NoClient(HttpClientError),
    /// Something answers there, and it is no Realtime server.
    #[error("there is no Realtime server at `{host}` (status {status})")]
    NoServer { host: String, status: u16 },
    #[error("Realtime refused the credential: {said}")]
    Credential { said: String },
    #[error("Realtime wants a newer token: {said}")]
    Expired { said: String },
    /// The table is in no publication, or the filter names what cannot be filtered by.
    #[error("Realtime does not tell of the table: {said}")]
    NotTold { said: String },
    #[error("Realtime refuses for now: {said}")]
    Busy { said: String },
    /// It let us in, and never said that it tells of changes.
    #[error("Realtime took the subscription and did not start it in {}", humantime::format_duration(*.waited))]
    Unconfirmed { waited: Duration },
    #[error("Realtime did not answer for {}", humantime::format_duration(*.waited))]
    Silent { waited: Duration },
    #[error("Realtime closed the channel{}{said}", if .said.is_empty() { "" } else { ": " })]
    Closed { said: String },
    #[error("there is no token to give to Realtime: {0}")]
    NoToken(SupabaseError),
}

/// What may come of trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// It is a matter of time.
    Soon,
    /// With another token.
    Renewed,
    /// Not before someone changes something: the table is polled.
    Rarely,
}

impl RealtimeError {
    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::Expired { .. } => Retry::Renewed,
            Self::NoClient(_)
            | Self::NoServer { .. }
            | Self::Credential { .. }
            | Self::NotTold { .. } => Retry::Rarely,
            Self::NoToken(error) if !error.is_transient() => Retry::Rarely,
            Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Unconfirmed { .. }
            | Self::Silent { .. }
            | Self::Closed { .. }
            | Self::NoToken(_) => Retry::Soon,
        }
    }

    /// What a server said when it refused to join or gave a subscription up: `<Code>: <words>`, or
    /// words alone.
    pub(super) fn said(text: &str) -> Self {
        let said: String = text.chars().take(300).collect();
        let code = text.split([':', ' ']).next().unwrap_or_default();
        match code {
            // 2026 servers; those before say that a token "has expired" under several codes.
            "InvalidJWTExpiration" => Self::Expired { said },
            _ if text.to_ascii_lowercase().contains("expired") => Self::Expired { said },
            "InvalidJWTToken"
            | "InvalidJWTSignature"
            | "JwtSignatureError"
            | "MalformedJWT"
            | "JwtSignerError"
            | "Unauthorized" => Self::Credential { said },
            "RealtimeDisabledForTenant"
            | "RealtimeDisabledForConfiguration"
            | "TenantNotFound"
            | "MalformedWebSocketMessage" => Self::NotTold { said },
            // No code was ever given to these two.
            _ if text.starts_with("Unable to subscribe to changes")
                || text.contains("invalid column for filter") =>
            {
                Self::NotTold { said }
            }
            _ => Self::Busy { said },
        }
    }

    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Sync, self.to_string());
        match self {
            Self::NotTold { .. } => problem.hint(
                "`alter publication supabase_realtime add table <table>`; until then the table is \
                 polled",
            ),
            Self::NoServer { .. } => problem
                .hint("the table is polled; `supabase.realtime = false` stops looking for one"),
            Self::Credential { .. } | Self::Expired { .. } => problem.hint("the table is polled"),
            Self::NoClient(error) => problem.hint(error.hint()),
            Self::NoToken(error) => error.problem(),
            _ => problem.retryable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_decides_when_to_try_again() {
        let table = [
            (
                "InvalidJWTExpiration: Token has expired 5 seconds ago",
                Retry::Renewed,
            ),
            ("InvalidJWTToken: Token expired", Retry::Renewed),
            ("Access token has expired: reconnect", Retry::Renewed),
            (
                "InvalidJWTToken: Fields `role` and `exp` are required",
                Retry::Rarely,
            ),
            (
                "Unauthorized: You do not have permissions to read",
                Retry::Rarely,
            ),
            (
                "Unable to subscribe to changes with given parameters. Please check Realtime is \
                 enabled for the given connect parameters: [table: x]",
                Retry::Rarely,
            ),
            (
                "{:error, \"invalid column for filter project_id\"}",
                Retry::Rarely,
            ),
            ("ConnectionRateLimitReached: Too many", Retry::Soon),
            ("SomethingOfTomorrow", Retry::Soon),
        ];
        for (text, retry) in table {
            assert_eq!(RealtimeError::said(text).retry(), retry, "{text}");
        }
    }
}
