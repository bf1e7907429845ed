//! When an app is ready: which of its ports answers HTTP the way the plan asks for.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::{LifecycleError, error::Seen};
use crate::{
    engine::link::{Link, Listener},
    model::{Plan, Readiness},
    task::Scope,
};

/// Between two looks; small, for it is part of every start and restart.
const TICK: Duration = Duration::from_millis(10);
/// One probe may take so long before the next port gets its turn.
const PROBE: Duration = Duration::from_secs(15);

/// What one probe of one port found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    Answers,
    Status(u16),
    NoHttp,
    Refused,
}

/// The ports worth probing, best first: the configured one alone if it is fixed, else the
/// template's, then the others from the lowest.
pub fn candidates(plan: &Plan, listeners: &[Listener]) -> Vec<u16> {
    let mut ports: Vec<u16> = listeners.iter().map(|listener| listener.port).collect();
    ports.sort_unstable();
    ports.dedup();
    if let Some(place) = ports.iter().position(|port| *port == plan.run.port) {
        ports[..=place].rotate_right(1);
        if plan.run.port_is_fixed {
            ports.truncate(1);
        }
    } else if plan.run.port_is_fixed {
        ports.clear();
    }
    ports
}

/// Probes an app until it answers.
pub struct Prober<'a> {
    pub link: &'a Link,
    pub plan: &'a Plan,
    pub scope: &'a Scope,
}

impl Prober<'_> {
    /// The port that answers. `listeners` is asked anew before each round.
    pub async fn until_ready(
        &self,
        listeners: impl Fn() -> Vec<Listener>,
    ) -> Result<u16, LifecycleError> {
        let ready = &self.plan.ready;
        let deadline = Instant::now() + ready.timeout;
        let mut seen = Seen::NothingListens;
        while Instant::now() < deadline {
            let known = listeners();
            for port in candidates(self.plan, &known) {
                let probe = timeout_at(deadline, self.probe(port, ready)).await;
                seen = match probe.unwrap_or(Probe::NoHttp) {
                    Probe::Answers => return Ok(port),
                    Probe::Status(status) => Seen::Status {
                        port,
                        path: ready.path.clone(),
                        status,
                    },
                    Probe::NoHttp => Seen::NoHttp { port },
                    Probe::Refused => continue,
                };
            }
            if self.plan.run.port_is_fixed
                && !known.is_empty()
                && candidates(self.plan, &known).is_empty()
            {
                seen = Seen::OtherPort {
                    wanted: self.plan.run.port,
                    found: known.iter().map(|listener| listener.port).collect(),
                };
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = self.scope.cancelled() => return Err(LifecycleError::ShuttingDown),
            }
        }
        Err(LifecycleError::NotReady {
            waited: ready.timeout,
            seen,
        })
    }

    /// Wait until the port that answered before takes connections again, after a restart; an
    /// edit may also have moved the app to another one.
    pub async fn until_open_again(
        &self,
        port: u16,
        listeners: impl Fn() -> Vec<Listener>,
    ) -> Result<u16, LifecycleError> {
        let ready = &self.plan.ready;
        let deadline = Instant::now() + ready.timeout;
        let mut seen = Seen::NothingListens;
        while Instant::now() < deadline {
            let probe = timeout_at(deadline, self.probe(port, ready)).await;
            match probe.unwrap_or(Probe::NoHttp) {
                // Once it was ready, any answer is the app's own word: an edit may make it a 500.
                Probe::Answers | Probe::Status(_) => return Ok(port),
                Probe::NoHttp => seen = Seen::NoHttp { port },
                Probe::Refused => {
                    for other in candidates(self.plan, &listeners()) {
                        let probe = timeout_at(deadline, self.probe(other, ready)).await;
                        if matches!(probe, Ok(Probe::Answers)) {
                            return Ok(other);
                        }
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = self.scope.cancelled() => return Err(LifecycleError::ShuttingDown),
            }
        }
        Err(LifecycleError::NotReady {
            waited: ready.timeout,
            seen,
        })
    }

    async fn probe(&self, port: u16, ready: &Readiness) -> Probe {
        let Ok(io) = self.link.dial(port).await else {
            return Probe::Refused;
        };
        let asked = tokio::time::timeout(PROBE, async {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(io)).await?;
            let driver = self.scope.spawn(async move {
                // What ends the connection shows in the answer, or in its absence.
                let _ = connection.await;
            });
            let request = http::Request::get(ready.path.as_str())
                .header(http::header::HOST, format!("localhost:{port}"))
                .header(http::header::USER_AGENT, "codemate-preview-probe")
                .header(http::header::ACCEPT, "*/*")
                .header(http::header::CONNECTION, "close")
                .body(Empty::new());
            let answer = match request {
                Ok(request) => sender
                    .send_request(request)
                    .await
                    .map(|got| got.status().as_u16()),
                // A path that makes no request answers nothing.
                Err(_) => Ok(0),
            };
            driver.abort();
            answer
        });
        match asked.await {
            Ok(Ok(status)) if (ready.status.0..=ready.status.1).contains(&status) => Probe::Answers,
            Ok(Ok(status)) => Probe::Status(status),
            Ok(Err(_)) | Err(_) => Probe::NoHttp,
        }
    }
}
