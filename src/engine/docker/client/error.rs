//! From bollard's errors to ours, by status and kind.

use std::{error::Error as StdError, io, time::Duration};

use bollard::errors::Error;

use super::connect::DockerEndpoint;
use crate::engine::EngineError;

/// What was asked of the engine, for the message if it fails.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Such as `create`.
    pub verb: &'a str,
    /// Such as `container cmp-shop`.
    pub what: &'a str,
}

impl std::fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.what)
    }
}

pub fn hanging(endpoint: &DockerEndpoint, limit: Duration) -> EngineError {
    EngineError::Hanging {
        endpoint: endpoint.to_string(),
        seconds: limit.as_secs(),
    }
}

/// A failure to reach the engine at all, or to keep talking to it.
pub fn of_io(error: &io::Error, endpoint: &DockerEndpoint) -> EngineError {
    let endpoint = endpoint.to_string();
    match error.kind() {
        io::ErrorKind::PermissionDenied => EngineError::Forbidden { endpoint },
        _ => EngineError::Unreachable {
            endpoint,
            reason: error.to_string(),
        },
    }
}

/// A status that is not a success.
pub fn of_status(status: u16, reason: String, operation: Operation<'_>) -> EngineError {
    match status {
        404 => EngineError::Missing {
            what: operation.what.to_owned(),
        },
        _ if tells_of_another_question(&reason) => EngineError::Busy {
            operation: operation.to_string(),
        },
        _ if tells_of_full_disk(&reason) => EngineError::DiskFull {
            operation: format!("it was asked to {operation}"),
        },
        _ => EngineError::Refused {
            operation: operation.to_string(),
            status,
            reason,
        },
    }
}

pub fn of_bollard(
    error: Error,
    endpoint: &DockerEndpoint,
    operation: Operation<'_>,
) -> EngineError {
    match error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => of_status(status_code, message, operation),
        // Sent in the body of an answer that began as a success.
        Error::DockerStreamError { error } => of_status(500, error, operation),
        Error::SocketNotFoundError(_) => of_io(&io::ErrorKind::NotFound.into(), endpoint),
        Error::IOError { ref err } => of_io(err, endpoint),
        other => match io_cause(&other) {
            Some(cause) => of_io(cause, endpoint),
            None => EngineError::Unreachable {
                endpoint: endpoint.to_string(),
                reason: chain(&other),
            },
        },
    }
}

/// The engine reports a full disk as status 500 with the errno's text inside a sentence, and in no
/// other way. Here and below are the only places where text decides.
pub fn tells_of_full_disk(reason: &str) -> bool {
    reason.contains("no space left on device")
}

/// Engines before 23 walk their disk for one who asks at a time, and tell others so with status 500.
fn tells_of_another_question(reason: &str) -> bool {
    reason.contains("a disk usage operation is already running")
}

fn io_cause(error: &Error) -> Option<&io::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io);
        }
        next = cause.source();
    }
    None
}

/// An error with what caused it: hyper's own message alone is `client error (Connect)`.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACT: Operation<'_> = Operation {
        verb: "create",
        what: "container x",
    };

    fn map(error: Error) -> EngineError {
        of_bollard(error, &DockerEndpoint::Unix("/s".into()), ACT)
    }

    fn answer(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError {
            status_code,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_status_says_what_it_is() {
        assert!(matches!(
            map(answer(404, "no such container")),
            EngineError::Missing { .. }
        ));
        assert!(matches!(
            map(answer(409, "in use")),
            EngineError::Refused { status: 409, .. }
        ));
        assert!(matches!(
            map(answer(500, "boom")),
            EngineError::Refused { status: 500, .. }
        ));
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let text = "mkdir /x: no space left on device";
        assert!(matches!(
            map(answer(500, text)),
            EngineError::DiskFull { .. }
        ));
        assert!(matches!(
            map(Error::DockerStreamError {
                error: text.to_owned()
            }),
            EngineError::DiskFull { .. }
        ));
    }

    #[test]
    fn an_engine_that_answers_somebody_else_is_busy() {
        let text = "a disk usage operation is already running";
        assert!(matches!(map(answer(500, text)), EngineError::Busy { .. }));
    }

    #[test]
    fn permission_is_forbidden_and_the_rest_unreachable() {
        let io = |kind: io::ErrorKind| Error::IOError { err: kind.into() };
        assert!(matches!(
            map(io(io::ErrorKind::PermissionDenied)),
            EngineError::Forbidden { .. }
        ));
        assert!(matches!(
            map(io(io::ErrorKind::ConnectionRefused)),
            EngineError::Unreachable { .. }
        ));
        assert!(matches!(
            map(Error::SocketNotFoundError("/s".to_owned())),
            EngineError::Unreachable { .. }
        ));
    }
}
