//! Realtime: Supabase's word that something changed, over a WebSocket that is made again for ever.
//!
//! It is a hint and never the data. Rows over 1 MiB come without their content, deletions may not
//! come at all, and what happened while the socket was down never does. Whoever gets a
//! [`Hint`] asks the table.

mod channel;
mod error;
mod frame;
pub(super) mod hint;
mod pace;
mod socket;

use std::{path::PathBuf, sync::Arc, time::Duration};

use reqwest::{Client, Url};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use super::{ApiKey, Endpoint, Hint, Tokens};
use crate::{
    model::Secret,
    task::{Scope, jittered},
};
use channel::{ChannelEnd, ChannelEvent, RealtimeChannel};
use error::Retry;
use pace::Attempts;

pub use error::RealtimeError;
pub use pace::Pace;

/// Hints that wait to be looked at. One is as good as many.
const HINTS: usize = 16;

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub project: String,
    pub schema: String,
    pub table: String,
    /// Holds the project's id. Without one, changes of every project are told.
    pub column: Option<String>,
}

/// For people, and for whoever decides how often to poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealtimeState {
    Opening,
    Live,
    /// It is tried again in a moment.
    Lost(RealtimeError),
    /// It is tried again every few minutes, and not expected to succeed.
    Unavailable(RealtimeError),
}

pub struct Realtime {
    at: Url,
    key: ApiKey,
    tokens: Arc<dyn Tokens>,
    what: Subscription,
    pace: Pace,
    authorities: Option<PathBuf>,
}

/// The end of it that is listened to. Dropping the hints ends the connection.
pub struct RealtimeFeed {
    pub hints: mpsc::Receiver<Hint>,
    pub state: watch::Receiver<RealtimeState>,
}

impl Realtime {
    /// `None` where there is a PostgREST alone.
    pub fn new(
        at: &Endpoint,
        key: ApiKey,
        tokens: Arc<dyn Tokens>,
        what: Subscription,
    ) -> Option<Self> {
        Some(Self {
            at: at.realtime()?,
            key,
            tokens,
            what,
            pace: Pace::default(),
            authorities: None,
        })
    }

    /// Trust the authorities of this PEM file beside the system's.
    #[must_use]
    pub fn trusting(self, authorities: Option<PathBuf>) -> Self {
        Self {
            authorities,
            ..self
        }
    }

    #[must_use]
    pub fn pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Until the scope is stopped.
    pub fn start(self, scope: &Scope) -> RealtimeFeed {
        let (hints, hint_rx) = mpsc::channel(HINTS);
        let (state, seen) = watch::channel(RealtimeState::Opening);
        let teller = RealtimeNotifier {
            hints,
            state,
            live: None,
        };
        let scope = scope.child();
        scope.clone().spawn(self.run(scope, teller));
        RealtimeFeed {
            hints: hint_rx,
            state: seen,
        }
    }

    async fn run(self, scope: Scope, mut teller: RealtimeNotifier) {
        let mut attempts = Attempts::default();
        loop {
            let mut joined_with = None;
            let attempt = self.attempt(&scope, &mut teller, &mut joined_with);
            let error = match attempt.await {
                ChannelEnd::Stopped => return,
                ChannelEnd::Failed(error) => error,
            };
            let live = teller.live;
            let wait = attempts.wait(&self.pace, live);
            teller.lost(&scope).await;
            let error = match error.retry() {
                Retry::Renewed => tokio::select! {
                    () = scope.cancelled() => return,
                    error = self.renewed(joined_with, error) => error,
                },
                Retry::Soon | Retry::Rarely => error,
            };
            let wait = teller.explain(error, wait, self.pace.rarely);
            tokio::select! {
                () = scope.cancelled() => return,
                () = teller.hints.closed() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn attempt(
        &self,
        scope: &Scope,
        teller: &mut RealtimeNotifier,
        joined_with: &mut Option<Secret>,
    ) -> ChannelEnd {
        let opening = async {
            let token = self.tokens.token().await.map_err(RealtimeError::NoToken)?;
            let http: Client = socket::client(self.authorities.as_deref())?;
            let connecting = socket::connect(&http, &self.at, &self.key);
            let socket = timeout(self.pace.opening, connecting).await;
            let socket = socket.map_err(|_| RealtimeError::Silent {
                waited: self.pace.opening,
            })??;
            Ok((token, socket))
        };
        let opened = tokio::select! {
            () = scope.cancelled() => return ChannelEnd::Stopped,
            opened = opening => opened,
        };
        let (token, socket) = match opened {
            Ok(opened) => opened,
            Err(error) => return ChannelEnd::Failed(error),
        };
        // A key that is a JWT is what its holder joins as.
        let token = token.or_else(|| self.key.as_bearer().cloned());
        joined_with.clone_from(&token);
        let channel = RealtimeChannel {
            socket,
            what: &self.what,
            pace: &self.pace,
            tokens: &self.tokens,
            scope,
        };
        let closed = teller.hints.clone();
        tokio::select! {
            ended = channel.run(token, |event| teller.report(&event)) => ended,
            () = closed.closed() => ChannelEnd::Stopped,
        }
    }

    /// After the server found the token too old: have a newer one ready, or say why there is none.
    async fn renewed(&self, stale: Option<Secret>, error: RealtimeError) -> RealtimeError {
        let newer = match stale {
            Some(stale) => self.tokens.refresh(&stale).await,
            None => Ok(None),
        };
        match newer {
            Ok(Some(_)) => error,
            Ok(None) => RealtimeError::Credential {
                said: error.to_string(),
            },
            Err(error) => RealtimeError::NoToken(error),
        }
    }
}

struct RealtimeNotifier {
    hints: mpsc::Sender<Hint>,
    state: watch::Sender<RealtimeState>,
    /// Since when changes are told.
    live: Option<Instant>,
}

impl RealtimeNotifier {
    fn report(&mut self, event: &ChannelEvent) {
        let hint = match event {
            ChannelEvent::Live => {
                self.live = Some(Instant::now());
                tracing::debug!("Realtime tells of changes");
                self.state.send_replace(RealtimeState::Live);
                Hint::Live
            }
            // Half of the room is for what may not be lost.
            ChannelEvent::Changed if self.hints.capacity() <= HINTS / 2 => return,
            ChannelEvent::Changed => Hint::Changed,
        };
        // There is room: the last loss waited until there was some for this as well.
        self.hints.try_send(hint).ok();
    }

    async fn lost(&mut self, scope: &Scope) {
        if self.live.take().is_some() {
            tokio::select! {
                () = scope.cancelled() => {}
                // The other is for the next `Live`.
                room = self.hints.reserve_many(2) => if let Ok(mut room) = room
                    && let Some(place) = room.next()
                {
                    place.send(Hint::Lost);
                },
            }
        }
    }

    /// Says what to wait.
    fn explain(&mut self, error: RealtimeError, soon: Duration, rarely: Duration) -> Duration {
        let (wait, now) = if error.retry() == Retry::Rarely {
            (jittered(rarely), RealtimeState::Unavailable(error))
        } else {
            (soon, RealtimeState::Lost(error))
        };
        let before = self.state.send_replace(now.clone());
        match &now {
            // Once, and not every few minutes.
            RealtimeState::Unavailable(error) if before != now => {
                tracing::warn!(%error, "the table is polled");
            }
            RealtimeState::Unavailable(error) | RealtimeState::Lost(error) => {
                tracing::debug!(%error, "Realtime is tried again");
            }
            RealtimeState::Opening | RealtimeState::Live => {}
        }
        wait
    }
}
