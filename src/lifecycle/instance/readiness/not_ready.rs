//! `NotReadyReason`: what was found of an app that was not ready in time.

use std::time::Duration;

/// What was found when nothing answered in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReadyReason {
    NothingListens,
    /// It listens, but not where it was told to.
    OtherPort {
        wanted: u16,
        found: Vec<u16>,
    },
    NoHttp {
        port: u16,
    },
    /// Nothing else listens.
    OnlyDebugger {
        port: u16,
    },
    /// The port took a request.
    NoAnswerYet {
        port: u16,
        path: String,
        waited: Duration,
    },
    Status {
        port: u16,
        path: String,
        status: u16,
        /// The ones that count, lowest and highest, where the user named them.
        required: Option<(u16, u16)>,
    },
    /// What watches the app's files goes on without it.
    Crashed,
}

impl std::fmt::Display for NotReadyReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NothingListens => f.write_str("the app runs but listens on no port"),
            Self::OtherPort { wanted, found } => {
                write!(
                    f,
                    "port {wanted} is configured, but the app answers on {}",
                    found
                        .iter()
                        .map(u16::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            }
            Self::NoHttp { port } => write!(f, "port {port} is open but speaks no HTTP"),
            Self::OnlyDebugger { port } => {
                write!(f, "a debugger listens on port {port}, and the app on none")
            }
            Self::NoAnswerYet { port, path, waited } => write!(
                f,
                "port {port} took the request for `{path}` and has not answered yet after {}",
                seconds(*waited)
            ),
            Self::Status {
                port,
                path,
                status,
                required,
            } => {
                write!(f, "port {port} answers `{path}` with status {status}")?;
                match required {
                    Some((low, high)) if low == high => write!(f, ", and {low} is required"),
                    Some((low, high)) => write!(f, ", and {low}-{high} is required"),
                    None => Ok(()),
                }
            }
            Self::Crashed => f.write_str("the app crashed, and what watches it waits for an edit"),
        }
    }
}

impl NotReadyReason {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NothingListens | Self::OnlyDebugger { .. } => {
                "start a server in the app, or wait longer with `[ready] timeout` in codemate-preview.toml; `[run] listens = false` is for a program that has none"
            }
            Self::NoAnswerYet { .. } => {
                "look at what it waits for; `[ready] path` in codemate-preview.toml names a page that is quicker, and `[ready] timeout` waits longer"
            }
            Self::Crashed => {
                "correct what the lines above name, then run `codemate-preview up` again"
            }
            Self::OtherPort { .. } => {
                "name the port that it answers on with `--port`, have the app read the PORT variable, or leave the port out of the configuration"
            }
            Self::NoHttp { .. } => "a preview needs an HTTP server on the port",
            Self::Status { .. } => {
                "name a path that answers so with `[ready] path`, or other statuses with `--ready-status`"
            }
        }
    }
}

/// `waited` in whole seconds where there are any.
fn seconds(waited: Duration) -> humantime::FormattedDuration {
    let whole = Duration::from_secs(waited.as_secs());
    humantime::format_duration(if whole.is_zero() { waited } else { whole })
}

/// The first line of a start that came to nothing.
pub fn describe_start(waited: Duration, seen: &NotReadyReason) -> String {
    match seen {
        NotReadyReason::Crashed => seen.to_string(),
        NotReadyReason::Status { .. } => {
            format!("the app was not ready within {}: {seen}", seconds(waited))
        }
        _ => format!("nothing answered within {}: {seen}", seconds(waited)),
    }
}
