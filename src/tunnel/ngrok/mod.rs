//! `ngrok`: endpoints of an ngrok account, by the `ngrok` crate in this process.
//!
//! All instances of a host share one session, since accounts are limited in sessions. A lost
//! connection is dialled again by our own connector, and ngrok gives every endpoint its URL back.
//! Nothing is taken from `NGROK_*` variables but the authtoken, and that by [`find_credential`].
//!
//! The URL stays over a restart of the agent when `tunnels.ngrok.domain` is set. Without it ngrok
//! chooses: the one dev domain of a free account, which stays and serves one preview at a time, or
//! another one each time.

mod cuttable_stream;
mod dialer;
mod end_reason;
mod endpoint;
mod error_codes;
mod session;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use ngrok::session::SessionBuilder;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{CredentialRegistry, NgrokSettings, credentials::NGROK_AUTHTOKEN},
    model::{InstanceId, Secret, TunnelKind},
    task::Scope,
    tunnel::{
        Capabilities, Check, Provider, Report, Stop, Tools, TunnelError, TunnelSpec, Verdict,
        credentials::{NeededCredential, find_credential},
        url_template,
    },
};
use end_reason::EndReason;
use endpoint::Endpoint;
use session::{SessionConfig, SharedSession};

/// How often it is tried again while an earlier session may linger, 10 s apart. Users report that
/// ngrok gives one up after about a minute.
const LINGERING: u32 = 9;
/// How long `doctor` waits for a session.
const CHECKING: Duration = Duration::from_secs(25);
/// How long the session may take to close after its last endpoint. It has limits of its own.
const CLOSING: Duration = Duration::from_secs(10);
/// The crate's own intervals, which are those of ngrok's agent: a server that is silent is noticed
/// within 25 s.
const HEARTBEAT: Duration = Duration::from_secs(10);
const TOLERANCE: Duration = Duration::from_secs(15);

pub struct Ngrok {
    settings: NgrokSettings,
    credentials: CredentialRegistry,
    scope: Scope,
    heartbeat: (Duration, Duration),
    last: Mutex<LastSession>,
    /// How often each instance has met an earlier session.
    lingering: Mutex<HashMap<InstanceId, u32>>,
}

/// The session that was opened last.
#[derive(Default)]
struct LastSession {
    session_handle: Weak<SharedSession>,
    ended: Option<CancellationToken>,
}

impl Ngrok {
    pub fn new(tools: &Tools) -> Self {
        Self {
            settings: tools.settings.ngrok.clone(),
            credentials: tools.credentials.clone(),
            scope: tools.scope.clone(),
            heartbeat: (HEARTBEAT, TOLERANCE),
            last: Mutex::default(),
            lingering: Mutex::default(),
        }
    }

    /// How often the server is asked whether it is there, and how much later than the next time its
    /// answer may come.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration, tolerance: Duration) -> Self {
        self.heartbeat = (interval, tolerance);
        self
    }

    fn token(&self) -> Result<Secret, TunnelError> {
        find_credential(
            &self.credentials,
            &NeededCredential {
                key: NGROK_AUTHTOKEN,
                provider: "ngrok",
                file: self.settings.authtoken_file.as_deref(),
                setting: "tunnels.ngrok.authtoken_file",
            },
        )
    }

    fn domain(&self, name: &str) -> Result<Option<String>, TunnelError> {
        let domain = self.settings.domain.as_deref();
        domain
            .map(|text| url_template::fill(text, &[("name", name)]))
            .transpose()
    }

    /// The session in use, or a new one.
    fn session_handle(&self) -> Result<Arc<SharedSession>, TunnelError> {
        let token = self.token()?;
        let builder = self.builder(&token)?;
        let mut last = self.last.lock();
        if let Some(session_handle) = last
            .session_handle
            .upgrade()
            .filter(|session_handle| !session_handle.is_over())
        {
            return Ok(session_handle);
        }
        let session_handle = Arc::new(SharedSession::open(SessionConfig {
            token,
            builder,
            scope: self.scope.clone(),
            after: last.ended.take(),
        }));
        last.session_handle = Arc::downgrade(&session_handle);
        last.ended = Some(session_handle.ended());
        Ok(session_handle)
    }

    fn builder(&self, token: &Secret) -> Result<SessionBuilder, TunnelError> {
        let mut builder = ngrok::Session::builder();
        builder
            .authtoken(token.reveal())
            .metadata("codemate-preview")
            .client_info(
                "codemate-preview",
                env!("CARGO_PKG_VERSION"),
                None::<String>,
            );
        // They refuse what is longer than 292 years.
        let _ = builder.heartbeat_interval(self.heartbeat.0);
        let _ = builder.heartbeat_tolerance(self.heartbeat.1);
        if let Some(server) = &self.settings.server {
            builder
                .server_addr(server)
                .map_err(|error| TunnelError::Settings {
                    what: format!("`tunnels.ngrok.server` cannot be used: {error}"),
                    hint: "write it as `host:port`".to_owned(),
                })?;
        }
        if let Some(path) = &self.settings.ca {
            let pem = std::fs::read(path).map_err(|error| TunnelError::Settings {
                what: format!("`tunnels.ngrok.ca` cannot be read: {error}"),
                hint: "name a PEM file of certificates".to_owned(),
            })?;
            builder.ca_cert(pem.into());
        }
        Ok(builder)
    }

    /// The error of an attempt. What may be an earlier session of ours is waited for, but not for
    /// ever.
    fn error(&self, spec: &TunnelSpec, domain: Option<&str>, why: EndReason) -> TunnelError {
        tracing::debug!(instance = %spec.id, ?why, "an ngrok endpoint ended");
        let mut lingering = self.lingering.lock();
        if !why.lingers() {
            return why.error(domain, true);
        }
        let times = lingering.entry(spec.id.clone()).or_default();
        *times += 1;
        let patient = *times <= LINGERING;
        if !patient {
            lingering.remove(&spec.id);
        }
        why.error(domain, patient)
    }

    async fn check_online(&self) -> Result<(), TunnelError> {
        let session_handle = self.session_handle()?;
        let mut states = session_handle.states.clone();
        let opened = tokio::time::timeout(CHECKING, endpoint::open(&mut states)).await;
        drop(states);
        let outcome = match opened {
            Ok(opened) => opened.map(drop).map_err(|why| why.error(None, false)),
            Err(_) => Err(TunnelError::TimedOut {
                what: "reaching ngrok".to_owned(),
                waited: CHECKING,
            }),
        };
        release(session_handle).await;
        outcome
    }

    fn checked(&self, verdict: Verdict, detail: impl Into<String>) -> Check {
        Check {
            kind: self.kind(),
            verdict,
            detail: detail.into(),
            fix: None,
        }
    }

    fn refused(&self, verdict: Verdict, error: &TunnelError) -> Check {
        Check {
            fix: error.problem().hint,
            ..self.checked(verdict, error.to_string())
        }
    }
}

#[async_trait]
impl Provider for Ngrok {
    fn kind(&self) -> TunnelKind {
        TunnelKind::Ngrok
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: self.settings.domain.is_some(),
            settle: Duration::ZERO,
            heal: None,
        }
    }

    async fn check(&self, online: bool) -> Vec<Check> {
        let token = match self.token() {
            Ok(token) => token,
            Err(error) => {
                let wanted = self.settings.authtoken_file.is_some();
                let verdict = if wanted {
                    Verdict::Bad
                } else {
                    Verdict::Absent
                };
                return vec![self.refused(verdict, &error)];
            }
        };
        if !plausible(token.reveal()) {
            return vec![Check {
                fix: Some("copy it again from https://dashboard.ngrok.com".to_owned()),
                ..self.checked(Verdict::Bad, "the authtoken does not look like one")
            }];
        }
        if let Err(error) = self.domain("name").and(self.builder(&token)) {
            return vec![self.refused(Verdict::Bad, &error)];
        }
        let mut checks = vec![self.checked(Verdict::Good, "there is an authtoken")];
        if online {
            checks.push(match self.check_online().await {
                Ok(()) => self.checked(Verdict::Good, "ngrok accepts the authtoken"),
                Err(error) => self.refused(Verdict::Bad, &error),
            });
        }
        checks
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let domain = self.domain(spec.name.as_str())?;
        let session_handle = self.session_handle()?;
        let endpoint = Endpoint {
            spec: &spec,
            domain: domain.as_deref(),
            session_handle: &session_handle,
            report: &report,
            stop: &stop,
        };
        let bound = || {
            self.lingering.lock().remove(&spec.id);
        };
        let outcome = endpoint.hold(bound).await;
        release(session_handle).await;
        outcome.map_err(|why| self.error(&spec, domain.as_deref(), why))
    }
}

/// Stop using a session. The last one waits until it is closed.
async fn release(session_handle: Arc<SharedSession>) {
    let ended = session_handle.ended();
    if Arc::into_inner(session_handle).is_some()
        && tokio::time::timeout(CLOSING, ended.cancelled())
            .await
            .is_err()
    {
        tracing::error!("the session with ngrok does not end");
    }
}

/// Authtokens are letters, digits and `_`, about 50 of them.
fn plausible(token: &str) -> bool {
    token.len() >= 16
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_authtoken_is_seen() {
        assert!(plausible(
            "2abcDEF0123456789_abcDEF0123456789abcDEF01234567"
        ));
        assert!(!plausible("short"));
        assert!(!plausible("export NGROK_AUTHTOKEN=2abcDEF0123456789"));
    }
}
