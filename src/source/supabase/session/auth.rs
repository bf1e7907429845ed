//! The three requests to `GoTrue`, Supabase's server of users, that a session takes.

use std::{path::Path, time::Duration};

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::RETRY_AFTER};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    http_client,
    model::{Secret, UserSession},
    source::supabase::{
        ApiKey, SupabaseError,
        rest::{
            client::{reason, secret_header},
            endpoint::host_of,
        },
    },
};

/// For one answer, password hashing on a small server included.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECTING: Duration = Duration::from_secs(10);
/// An answer with two tokens and a user is about 2 kB.
const LONGEST_ANSWER: usize = 1 << 20;
/// Characters of what a server said that a message repeats.
const LONGEST_SAID: usize = 200;
/// So long before it ends, an access token is replaced, in seconds.
const MARGIN: i64 = 60;

pub(super) struct Auth {
    url: Url,
    key: ApiKey,
    http: Client,
}

/// Why a request came to nothing.
pub(super) enum AuthRefusal {
    /// The password, or the refresh token, or the session behind a token: it is no good.
    Grant {
        code: String,
        said: String,
    },
    Other(SupabaseError),
}

#[derive(Deserialize)]
struct TokenGrant {
    access_token: Secret,
    refresh_token: Secret,
    /// Seconds. What the server says of a moment is by its clock, and not looked at.
    expires_in: i64,
    #[serde(default)]
    user: Option<AuthUser>,
}

#[derive(Deserialize)]
struct AuthUser {
    #[serde(default)]
    id: String,
    #[serde(default)]
    email: Option<String>,
}

/// `error` and `error_description` are what servers before 2.150 say; `message` is the gateway's.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthFault {
    error_code: Option<String>,
    error: Option<String>,
    msg: Option<String>,
    error_description: Option<String>,
    message: Option<String>,
}

impl Auth {
    pub(super) fn new(
        url: Url,
        key: ApiKey,
        authorities: Option<&Path>,
    ) -> Result<Self, SupabaseError> {
        let http = http_client::builder(authorities)?
            .connect_timeout(CONNECTING)
            .timeout(TIMEOUT);
        let http = http_client::build(http)?;
        Ok(Self { url, key, http })
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(super) async fn password(
        &self,
        email: &str,
        password: &Secret,
    ) -> Result<UserSession, AuthRefusal> {
        let asked = json!({ "email": email, "password": password.reveal() });
        self.token("password", &asked, email).await
    }

    /// Trades a refresh token for its successor. Asked twice with the same one, because the first
    /// answer was lost, servers answer with what they gave then.
    pub(super) async fn refresh(&self, session: &UserSession) -> Result<UserSession, AuthRefusal> {
        let asked = json!({ "refresh_token": session.refresh_token.reveal() });
        self.token("refresh_token", &asked, &session.user).await
    }

    /// Ends this session, and no other of the same user.
    pub(super) async fn logout(&self, access_token: &Secret) -> Result<(), AuthRefusal> {
        let request = self
            .http
            .post(self.at("logout", ("scope", "local")))
            .bearer_auth(access_token.reveal());
        self.send(request).await.map(drop)
    }

    async fn token(
        &self,
        grant: &str,
        asked: &Value,
        user: &str,
    ) -> Result<UserSession, AuthRefusal> {
        let request = self
            .http
            .post(self.at("token", ("grant_type", grant)))
            .json(asked);
        let body = self.send(request).await?;
        let granted: TokenGrant = serde_json::from_slice(&body).map_err(|_| {
            // The text itself may hold the half of a token.
            AuthRefusal::Other(SupabaseError::Damaged {
                why: "it holds no session".to_owned(),
            })
        })?;
        let lifetime = granted.expires_in.max(0);
        let now = now();
        Ok(UserSession {
            url: self.url().to_owned(),
            user: granted
                .user
                .map(|user| user.email.filter(|it| !it.is_empty()).unwrap_or(user.id))
                .filter(|user| !user.is_empty())
                .unwrap_or_else(|| user.to_owned()),
            access_token: granted.access_token,
            refresh_token: granted.refresh_token,
            expires_at: now + lifetime,
            renew_at: now + lifetime - MARGIN.min(lifetime / 2),
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, AuthRefusal> {
        let key = secret_header(self.key.text()).map_err(AuthRefusal::Other)?;
        let request = request.header("apikey", key);
        let response = request.send().await.map_err(|why| self.unreachable(&why))?;
        let status = response.status();
        let wait = retry_after(&response);
        let body = self.body(response).await?;
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(status, wait, &body))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, AuthRefusal> {
        let mut body = Vec::new();
        while let Some(part) = response
            .chunk()
            .await
            .map_err(|why| self.unreachable(&why))?
        {
            body.extend_from_slice(&part);
            if body.len() > LONGEST_ANSWER {
                let why = format!("it is longer than {LONGEST_ANSWER} bytes");
                return Err(AuthRefusal::Other(SupabaseError::Damaged { why }));
            }
        }
        Ok(body)
    }

    fn at(&self, what: &str, (name, value): (&str, &str)) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{what}", self.url.path().trim_end_matches('/')));
        url.query_pairs_mut().append_pair(name, value);
        url
    }

    fn unreachable(&self, why: &reqwest::Error) -> AuthRefusal {
        AuthRefusal::Other(SupabaseError::Unreachable {
            host: host_of(&self.url),
            why: if why.is_timeout() {
                format!("no answer in {} s", TIMEOUT.as_secs())
            } else {
                reason(why)
            },
        })
    }
}

/// By this host's clock, in Unix seconds.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn refusal(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> AuthRefusal {
    let fault: AuthFault = serde_json::from_slice(body).unwrap_or_default();
    // Without a code it may be a proxy that speaks, and says nothing of the grant.
    let code = fault.error_code.or(fault.error);
    let said = fault
        .msg
        .or(fault.error_description)
        .or(fault.message)
        .unwrap_or_else(|| status.to_string());
    let said: String = said.chars().take(LONGEST_SAID).collect();
    let other = match (status, code) {
        (StatusCode::TOO_MANY_REQUESTS, _) => SupabaseError::RateLimited { after: wait },
        (StatusCode::REQUEST_TIMEOUT, _) => SupabaseError::Unavailable {
            status: status.as_u16(),
            said,
        },
        (status, _) if status.is_server_error() => SupabaseError::Unavailable {
            status: status.as_u16(),
            said,
        },
        (_, Some(code)) => return AuthRefusal::Grant { code, said },
        (StatusCode::UNAUTHORIZED, None) => SupabaseError::Credential {
            said,
            hint: "check the project's API key: SUPABASE_KEY, or `supabase.key_file`".to_owned(),
        },
        (status, None) => SupabaseError::Unexpected {
            status: status.as_u16(),
            said,
        },
    };
    AuthRefusal::Other(other)
}

/// Whether a refresh token that was refused for this will be refused for ever.
pub(super) fn ends_the_session(code: &str) -> bool {
    matches!(
        code,
        "refresh_token_not_found"
            | "refresh_token_already_used"
            | "session_not_found"
            | "session_expired"
            | "user_not_found"
            | "user_banned"
            // The token is not even of their form.
            | "validation_failed"
            // Servers before there were codes.
            | "invalid_grant"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_refusal_is_not_the_servers() {
        let grant = br#"{"code":400,"error_code":"refresh_token_already_used","msg":"Used"}"#;
        let old = br#"{"error":"invalid_grant","error_description":"Invalid Refresh Token"}"#;
        for body in [&grant[..], &old[..]] {
            let AuthRefusal::Grant { code, .. } = refusal(StatusCode::BAD_REQUEST, None, body)
            else {
                panic!("{}", String::from_utf8_lossy(body));
            };
            assert!(ends_the_session(&code), "{code}");
        }
        for (status, body) in [
            (403, &b"<html>blocked</html>"[..]),
            (401, br#"{"message":"Invalid API key"}"#),
            (500, grant),
            (429, grant),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let refused = refusal(status, None, body);
            assert!(matches!(refused, AuthRefusal::Other(_)), "{status}");
        }
    }
}
