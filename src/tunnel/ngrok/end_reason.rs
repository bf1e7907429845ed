//! `EndReason`: how a session or an endpoint ended, so that every holder of it can be told.

use std::time::Duration;

use ngrok::{
    Error as _,
    session::{ConnectError, RpcError},
    tunnel::AcceptError,
};

use super::error_codes;
use crate::{http_client::innermost, model::Secret, tunnel::TunnelError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// An answer of ngrok's.
    Said {
        code: Option<u32>,
        text: String,
    },
    Unreachable(String),
    Lost(String),
    TimedOut {
        what: &'static str,
        waited: Duration,
    },
    NoUrl(String),
}

impl EndReason {
    pub fn of_connect(error: &ConnectError, token: &Secret) -> Self {
        match error {
            ConnectError::Auth(error) | ConnectError::Rebind(error) => Self::of_rpc(error, token),
            ConnectError::Tcp(_) | ConnectError::Tls(_) | ConnectError::ProxyConnect(_) => {
                Self::Unreachable(innermost(error))
            }
            _ => Self::Lost(innermost(error)),
        }
    }

    pub fn of_rpc(error: &RpcError, token: &Secret) -> Self {
        match error {
            RpcError::Response(_) => Self::Said {
                code: error.error_code().and_then(number),
                text: said(&error.msg(), token),
            },
            _ => Self::Lost(innermost(error)),
        }
    }

    /// Why an endpoint takes no more visitors.
    pub fn of_accept(error: &AcceptError, token: &Secret) -> Self {
        match error {
            AcceptError::Reconnect(error) => Self::of_connect(error, token),
            AcceptError::ListenerClosed {
                message,
                error_code,
            } => Self::Said {
                code: error_code.as_deref().and_then(number),
                text: said(message, token),
            },
            _ => Self::Lost(innermost(error)),
        }
    }

    /// Whether it may only mean that an earlier session of ours is not given up yet.
    pub fn lingers(&self) -> bool {
        matches!(self, Self::Said { code: Some(code), .. } if error_codes::lingers(*code))
    }

    /// As the supervisor knows it. `patient` says that waiting for an earlier session to end is
    /// still worth it.
    pub fn error(self, host: Option<&str>, patient: bool) -> TunnelError {
        match self {
            Self::Said { code, text } => error_codes::error(code, &text, host, patient),
            Self::Unreachable(why) => TunnelError::Unreachable {
                what: "ngrok".to_owned(),
                why,
            },
            Self::Lost(why) => TunnelError::Lost { why },
            Self::TimedOut { what, waited } => TunnelError::TimedOut {
                what: what.to_owned(),
                waited,
            },
            Self::NoUrl(said) => TunnelError::NoUrl {
                by: "ngrok".to_owned(),
                said,
            },
        }
    }
}

fn number(code: &str) -> Option<u32> {
    code.trim().strip_prefix("ERR_NGROK_")?.parse().ok()
}

/// The first line; the others are instructions for ngrok's own agent. Refusals of an authtoken
/// repeat it, and it must not go on into logs and events.
fn said(text: &str, token: &Secret) -> String {
    let first = text
        .lines()
        .map(str::trim)
        .find(|session_handle| !session_handle.is_empty());
    first
        .unwrap_or("it gave no reason")
        .replace(token.reveal(), "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_without_the_authtoken() {
        let token = Secret::new("2abcSECRET");
        let text = "The authtoken 2abcSECRET is invalid.\nYour authtoken: 2abcSECRET\n\n\
                    ERR_NGROK_107\n";
        let why =
            EndReason::of_connect(&ConnectError::Auth(RpcError::Response(text.into())), &token);
        let error = why.error(None, true).to_string();
        assert!(error.contains("ERR_NGROK_107"), "{error}");
        assert!(error.contains("The authtoken … is invalid."), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }

    #[test]
    fn no_connection_is_told_by_its_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let why = EndReason::of_connect(&ConnectError::Tcp(refused), &Secret::new("t"));
        assert_eq!(why, EndReason::Unreachable("connection refused".to_owned()));
        assert!(!why.lingers());
    }
}
