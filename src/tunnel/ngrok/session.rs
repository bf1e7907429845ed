//! `SharedSession`: the one session of this host, shared by all who hold an endpoint on it.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use ngrok::{
    Session,
    session::{ConnectError, RpcError, SessionBuilder, default_connect},
};
use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver, UnboundedSender},
        watch,
    },
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    dialer::{DialEvent, Dialer},
    end_reason::EndReason,
};
use crate::{model::Secret, task::Scope};

/// The first connection with its authentication.
const OPENING: Duration = Duration::from_secs(20);
/// How long endpoints may take to be bound again on a new connection.
const REBINDING: Duration = Duration::from_secs(15);
const CLOSING: Duration = Duration::from_secs(2);
/// Between questions whether the session is back, and for the answer to one.
const ASK_AGAIN: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(1);
/// No endpoint has this id. Closing it changes nothing, and ngrok answers (`ERR_NGROK_333`); so
/// does the crate itself ask, for it closes every endpoint twice.
const NOBODY: &str = "nobody";

/// How the session is.
#[derive(Clone)]
pub enum SessionState {
    Opening,
    Open(Session),
    /// Its endpoints come back with it.
    Lost(String),
    Ended(EndReason),
}

/// Held by those who use the session; when the last one lets go, it is closed.
pub struct SharedSession {
    pub token: Secret,
    pub states: watch::Receiver<SessionState>,
    left: UnboundedSender<String>,
    ended: CancellationToken,
    _used: DropGuard,
}

/// What a session is opened with.
pub struct SessionConfig {
    pub token: Secret,
    pub builder: SessionBuilder,
    pub scope: Scope,
    /// The session before this one: an account may have no more than one at a time.
    pub after: Option<CancellationToken>,
}

impl SharedSession {
    pub fn open(config: SessionConfig) -> Self {
        let (state, states) = watch::channel(SessionState::Opening);
        let (unused, ended) = (CancellationToken::new(), CancellationToken::new());
        let (dialer, events) = Dialer::new(config.token.clone());
        let (left, to_close) = mpsc::unbounded_channel();
        let task = SessionTask {
            token: config.token.clone(),
            builder: config.builder,
            dialer: Arc::new(dialer),
            state,
            unused: unused.clone(),
        };
        let done = ended.clone().drop_guard();
        // It ends with the last holder, and holders end with the scope: so that the session is
        // closed after its endpoints.
        config.scope.spawn(async move {
            let _done = done;
            if let Some(before) = config.after {
                before.cancelled().await;
            }
            task.run(events, to_close).await;
        });
        Self {
            token: config.token,
            states,
            left,
            ended,
            _used: unused.drop_guard(),
        }
    }

    /// Whether it cannot be used any more.
    pub fn is_over(&self) -> bool {
        matches!(*self.states.borrow(), SessionState::Ended(_)) || self.ended.is_cancelled()
    }

    /// Cancelled once nothing of it is left.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Have this endpoint closed when the session is back: it could not be closed, and the crate
    /// will bind it again.
    pub fn leave(&self, id: &str) {
        // A session that has ended has no endpoints.
        let _ = self.left.send(id.to_owned());
    }
}

/// Opens the session, follows it, closes it.
struct SessionTask {
    token: Secret,
    builder: SessionBuilder,
    dialer: Arc<Dialer>,
    state: watch::Sender<SessionState>,
    unused: CancellationToken,
}

impl SessionTask {
    async fn run(
        self,
        mut events: UnboundedReceiver<DialEvent>,
        mut left: UnboundedReceiver<String>,
    ) {
        let opened = tokio::select! {
            () = self.unused.cancelled() => return,
            opened = tokio::time::timeout(OPENING, self.connect()) => opened,
        };
        let why = match opened {
            Ok(Ok(session)) => {
                self.state.send_replace(SessionState::Open(session.clone()));
                let ended = self.follow(&session, &mut events, &mut left).await;
                let why = ended.unwrap_or_else(|| EndReason::Lost("nobody uses it".to_owned()));
                // What holders have of the session is let go before it is closed.
                self.state.send_replace(SessionState::Ended(why));
                self.close(session).await;
                return;
            }
            Ok(Err(error)) => EndReason::of_connect(&error, &self.token),
            Err(_) => EndReason::TimedOut {
                what: "opening a session with ngrok",
                waited: OPENING,
            },
        };
        self.state.send_replace(SessionState::Ended(why));
        self.dialer.close();
        self.dialer.ended().await;
    }

    async fn connect(&self) -> Result<Session, ConnectError> {
        let mut builder = self.builder.clone();
        let dialer = Arc::clone(&self.dialer);
        let beats = Arc::clone(&self.dialer);
        builder
            .connector(
                move |host: String, port, tls: Arc<_>, lost: Option<ngrok::tunnel::AcceptError>| {
                    let dialer = Arc::clone(&dialer);
                    async move {
                        let once = || default_connect(host.clone(), port, Arc::clone(&tls), None);
                        dialer.connect(lost, once).await
                    }
                },
            )
            .handle_heartbeat(move |answered: Option<Duration>| {
                // The crate takes no notice of a server that answers nothing.
                if answered.is_none() {
                    beats.cut();
                }
                async { Ok::<(), Box<dyn StdError>>(()) }
            });
        builder.connect().await
    }

    /// Until nobody uses it, or it is lost for good.
    async fn follow(
        &self,
        session: &Session,
        events: &mut UnboundedReceiver<DialEvent>,
        left: &mut UnboundedReceiver<String>,
    ) -> Option<EndReason> {
        let mut deadline: Option<Instant> = None;
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                () = self.unused.cancelled() => return None,
                event = events.recv() => match event? {
                    DialEvent::Refused(why) => return Some(why),
                    DialEvent::Lost(why) => {
                        (deadline, open) = (None, false);
                        self.state.send_replace(SessionState::Lost(why));
                    }
                    DialEvent::Dialled => deadline = Some(Instant::now() + REBINDING),
                },
                () = given_up(&self.dialer, deadline), if deadline.is_some() => {
                    return Some(EndReason::Lost("ngrok did not take the session back".to_owned()));
                }
                () = back(session), if deadline.is_some() => {
                    (deadline, open) = (None, true);
                    self.state.send_replace(SessionState::Open(session.clone()));
                }
                Some(id) = left.recv(), if open => {
                    if !answers(session, &id).await {
                        tracing::warn!(id, "an ngrok endpoint may be left open");
                    }
                }
            }
        }
    }

    async fn close(&self, mut session: Session) {
        self.dialer.close();
        let _ = tokio::time::timeout(CLOSING, session.close()).await;
        drop(session);
        self.dialer.ended().await;
    }
}

/// Resolves once the session works again. The crate does not say so; but it lets a question through
/// only when every endpoint is bound again.
async fn back(session: &Session) {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        if answers(session, NOBODY).await {
            return;
        }
    }
}

/// Close an endpoint; whether ngrok answered, whatever it said.
async fn answers(session: &Session, id: &str) -> bool {
    let asked = tokio::time::timeout(ANSWER, session.close_tunnel(id)).await;
    matches!(asked, Ok(Ok(()) | Err(RpcError::Response(_))))
}

/// Resolves when a new session will be there sooner than this one.
async fn given_up(dialer: &Dialer, deadline: Option<Instant>) {
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = late => {}
        () = dialer.stalled() => {}
    }
}
