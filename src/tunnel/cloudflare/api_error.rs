//! `ApiError`: what the Cloudflare API said instead of what was asked for, and what that means.

use std::{fmt, time::Duration};

use serde::Deserialize;

use crate::tunnel::TunnelError;

const BY: &str = "Cloudflare";

/// Numbers as the API's answers have them, one meaning each.
mod code {
    /// Invalid request headers, malformed `Authorization`, invalid token, unknown key, no access,
    /// authentication error, IP address not allowed.
    pub const CREDENTIAL: [u32; 9] = [6003, 6111, 9103, 9106, 9107, 9109, 9110, 10000, 10001];
    /// Could not route: an id in the path is that of nothing.
    pub const NO_SUCH_OBJECT: [u32; 2] = [7000, 7003];
    /// The zone's quota of records is used up.
    pub const QUOTA: [u32; 1] = [81045];
    /// A record with that host exists, in the words of several checks.
    pub const RECORD_EXISTS: [u32; 5] = [81053, 81054, 81056, 81057, 81058];
    /// The record does not exist.
    pub const ABSENT: [u32; 1] = [81044];
    /// You already have a tunnel with this name.
    pub const NAME_IN_USE: [u32; 1] = [1013];
    /// The tunnel has active connections.
    pub const CONNECTED: [u32; 1] = [1022];
}

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{}", all(*.status, said))]
    Refused { status: u16, said: Vec<ApiMessage> },
    #[error("{}", all(429, said))]
    TooMany {
        after: Duration,
        said: Vec<ApiMessage>,
    },
    #[error("{why}")]
    Unreachable { why: String },
    #[error("an answer for `{path}` cannot be read: {why}")]
    Garbled { path: String, why: String },
}

/// One entry of `errors`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ApiMessage {
    pub code: u32,
    pub message: String,
    pub error_chain: Vec<ApiMessage>,
}

impl fmt::Display for ApiMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short: String = self.message.chars().take(300).collect();
        write!(f, "{short} (code {})", self.code)
    }
}

impl ApiError {
    /// What was asked about is not there; not so if even the account or the zone is not.
    pub fn is_absent(&self) -> bool {
        let absent = matches!(self, Self::Refused { status: 404, .. }) || self.has(&code::ABSENT);
        absent && !self.has(&code::NO_SUCH_OBJECT)
    }

    /// The name of a tunnel is in use.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. }) || self.has(&code::NAME_IN_USE)
    }

    pub fn record_exists(&self) -> bool {
        self.has(&code::RECORD_EXISTS)
    }

    pub fn is_connected(&self) -> bool {
        self.has(&code::CONNECTED)
    }

    fn has(&self, codes: &[u32]) -> bool {
        let (Self::Refused { said, .. } | Self::TooMany { said, .. }) = self else {
            return false;
        };
        said.iter()
            .flat_map(|said| std::iter::once(said).chain(&said.error_chain))
            .any(|said| codes.contains(&said.code))
    }
}

impl From<ApiError> for TunnelError {
    fn from(error: ApiError) -> Self {
        let said = error.to_string();
        let credential = error.has(&code::CREDENTIAL);
        let no_such = error.has(&code::NO_SUCH_OBJECT);
        let quota = error.has(&code::QUOTA);
        match error {
            ApiError::TooMany { after, .. } => Self::RateLimited {
                by: BY,
                said,
                after,
            },
            ApiError::Refused { status, .. } if credential || matches!(status, 401 | 403) => {
                Self::Credential {
                    by: BY,
                    said,
                    hint: PERMISSIONS.to_owned(),
                }
            }
            ApiError::Refused { .. } if no_such => Self::Settings {
                what: format!("Cloudflare does not know the account or the zone: {said}"),
                hint: "look at `tunnels.cloudflare.account` and `tunnels.cloudflare.zone`: both \
                       are ids of 32 hex digits, on the zone's overview page"
                    .to_owned(),
            },
            ApiError::Refused { .. } if quota => Self::Limit {
                by: BY,
                said,
                hint: "delete DNS records of the zone that nobody needs".to_owned(),
            },
            ApiError::Refused {
                status: 408 | 500..,
                ..
            }
            | ApiError::Unreachable { .. } => Self::Unreachable {
                what: "the Cloudflare API".to_owned(),
                why: said,
            },
            ApiError::Refused { .. } | ApiError::Garbled { .. } => Self::Rejected {
                by: BY,
                said,
                hint: "`codemate-preview tunnel doctor` looks at the account, the zone and the \
                       token"
                    .to_owned(),
            },
        }
    }
}

/// What the token must be allowed.
pub const PERMISSIONS: &str = "the token needs the permissions Account / Cloudflare Tunnel / Edit \
     and Zone / DNS / Edit, for the account and the zone of the settings; give it as \
     CLOUDFLARE_API_TOKEN or in the file that `tunnels.cloudflare.token_file` names";

fn all(status: u16, said: &[ApiMessage]) -> String {
    let mut text = format!("status {status}");
    for (at, one) in said.iter().enumerate() {
        text.push_str(if at == 0 { ": " } else { "; " });
        text.push_str(&one.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::Retry;

    fn refused(status: u16, code: u32) -> TunnelError {
        let said = vec![ApiMessage {
            code,
            message: "no".to_owned(),
            error_chain: Vec::new(),
        }];
        ApiError::Refused { status, said }.into()
    }

    #[test]
    fn what_an_answer_means_is_told_by_its_numbers() {
        for (status, code) in [(401, 1000), (403, 10000), (400, 6003), (404, 9109)] {
            let error = refused(status, code);
            assert!(matches!(error, TunnelError::Credential { .. }), "{error}");
            let hint = error.problem().hint.unwrap();
            assert!(
                hint.contains("Account / Cloudflare Tunnel / Edit"),
                "{hint}"
            );
            assert!(hint.contains("Zone / DNS / Edit"), "{hint}");
        }
        assert!(matches!(refused(404, 7003), TunnelError::Settings { .. }));
        assert!(matches!(refused(400, 81045), TunnelError::Limit { .. }));
        assert!(matches!(refused(400, 1), TunnelError::Rejected { .. }));
        assert_eq!(refused(502, 0).retry(), Retry::Backoff);
        assert_eq!(refused(408, 0).retry(), Retry::Backoff);
    }

    #[test]
    fn the_code_may_be_in_the_chain() {
        let said = r#"{"code":1,"message":"m","error_chain":[{"code":6111,"message":"x"}]}"#;
        let error = ApiError::Refused {
            status: 400,
            said: vec![serde_json::from_str(said).unwrap()],
        };
        assert!(matches!(error.into(), TunnelError::Credential { .. }));
    }
}
