//! The supervisor: opens a tunnel, looks whether its URL leads here, and opens it anew when it is
//! lost. The same for every provider.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use crate::{
    model::{PublicUrl, TunnelState, Verification},
    task::chance,
    tunnel::{
        Connection, Provider, Report, Retry, Stop, TunnelEndpoint, TunnelError, TunnelSpec,
        Verifier, backoff::Backoff,
    },
};

/// How long one attempt may take to have a URL, at least.
const OPENING: Duration = Duration::from_secs(45);
/// How long an attempt that was told to end may take. A program gets 5 s, 8 s, and is killed.
const CLOSING: Duration = Duration::from_secs(20);
/// Between looks at a URL that was shown unverified.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub struct Supervisor {
    pub provider: Arc<dyn Provider>,
    pub spec: TunnelSpec,
    pub endpoint: Arc<dyn TunnelEndpoint>,
    pub verifier: Verifier,
    pub state: watch::Sender<TunnelState>,
    pub stop: Stop,
}

/// How one attempt ended.
enum AttemptEnd {
    Stopped,
    Failed(TunnelError),
}

impl Supervisor {
    /// Until stopped, or until trying again cannot help.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            self.spec.generation += 1;
            let error = match self.attempt(&mut backoff).await {
                AttemptEnd::Stopped => return,
                AttemptEnd::Failed(error) => error,
            };
            let problem = error.problem();
            tracing::warn!(
                instance = %self.spec.id, kind = %self.provider.kind(), %error, "a tunnel ended"
            );
            let wait = match error.retry() {
                Retry::Never => {
                    self.publish(TunnelState::Failed { problem });
                    return;
                }
                Retry::Backoff => backoff.wait(chance()),
                Retry::After(wait) => wait,
            };
            self.publish(TunnelState::Waiting {
                problem,
                wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            });
            tokio::select! {
                () = self.stop.asked() => return self.release_leftovers().await,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Stopped between attempts: have nothing left of those before, if it is for good.
    async fn release_leftovers(&self) {
        if !self.stop.releases() {
            return;
        }
        let released = self.provider.release(&self.spec.id);
        match tokio::time::timeout(CLOSING, released).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(instance = %self.spec.id, %error, "something of a tunnel is left");
            }
            Err(_) => tracing::error!(instance = %self.spec.id, "a tunnel does not end"),
        }
    }

    /// Hold the tunnel open once, and tell what becomes of it.
    async fn attempt(&mut self, backoff: &mut Backoff) -> AttemptEnd {
        let (report, mut connection) = Report::new();
        let stop = self.stop.child();
        let provider = Arc::clone(&self.provider);
        let mut hold = provider.hold(self.spec.clone(), report, stop.clone());
        self.publish(TunnelState::Opening);
        let given_up = {
            let attended = self.follow(&mut connection, backoff);
            tokio::select! {
                ended = &mut hold => return Self::ended(ended),
                given_up = attended => given_up,
            }
        };
        // It does not get on; have it clean up, but do not wait for ever.
        stop.close();
        if tokio::time::timeout(CLOSING, hold).await.is_err() {
            tracing::error!(instance = %self.spec.id, "a tunnel does not end");
        }
        match given_up {
            Some(error) => AttemptEnd::Failed(error),
            None => AttemptEnd::Stopped,
        }
    }

    fn ended(ended: Result<(), TunnelError>) -> AttemptEnd {
        match ended {
            Ok(()) => AttemptEnd::Stopped,
            Err(error) => AttemptEnd::Failed(error),
        }
    }

    /// Follow what the provider says, until it takes too long. `None` when the user stopped it.
    async fn follow(
        &self,
        connection: &mut watch::Receiver<Connection>,
        backoff: &mut Backoff,
    ) -> Option<TunnelError> {
        let heal = self.provider.capabilities().heal;
        let opening = self
            .provider
            .opening()
            .map_or(OPENING, |own| own.max(OPENING));
        let mut deadline = Some(Instant::now() + opening);
        let mut shown: Option<PublicUrl> = None;
        loop {
            let now = connection.borrow_and_update().clone();
            match &now {
                Connection::Opening => {}
                Connection::Up(url) => {
                    backoff.is_up();
                    deadline = None;
                    let fresh = shown.as_ref() != Some(url);
                    shown = Some(url.clone());
                    if fresh {
                        self.endpoint.show(url);
                    }
                }
                Connection::Down { why } => {
                    if let Some(url) = &shown {
                        self.publish(TunnelState::Down {
                            url: url.clone(),
                            why: why.clone(),
                        });
                        deadline = deadline.or(heal.map(|heal| Instant::now() + heal));
                    }
                }
            }
            let announcing = async {
                if let Connection::Up(url) = &now {
                    self.announce(url).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = self.stop.asked() => return None,
                changed = connection.changed() => if changed.is_err() {
                    // The provider is done and its result is on its way.
                    std::future::pending::<()>().await;
                },
                () = until(deadline) => return Some(match (&now, shown.is_some()) {
                    (Connection::Down { why }, true) => TunnelError::Lost { why: why.clone() },
                    _ => TunnelError::TimedOut {
                        what: format!("opening a {} tunnel", self.provider.kind()),
                        waited: opening,
                    },
                }),
                () = announcing => {}
            }
        }
    }

    /// Show the URL when it leads here. One that was not seen to is shown too, as such, and looked
    /// at again.
    async fn announce(&self, url: &PublicUrl) {
        tokio::time::sleep(self.provider.capabilities().settle).await;
        loop {
            let verified = self.verifier.verify(url, self.endpoint.as_ref()).await;
            let done = verified == Verification::EndToEnd;
            self.publish(TunnelState::Ready {
                url: url.clone(),
                verified,
            });
            if done {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn publish(&self, now: TunnelState) {
        self.state.send_if_modified(|before| {
            let changes = *before != now;
            *before = now;
            changes
        });
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
