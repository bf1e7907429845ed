//! `Dialer`: connects a session, and connects it again for as long as it takes.

use std::{future::Future, io, time::Duration};

use ngrok::{
    session::{ConnectError, IoStream, RpcError},
    tunnel::AcceptError,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{cuttable_stream::CuttableStream, end_reason::EndReason};
use crate::model::Secret;

/// The crate alone waits 50 ms, 2.5 s, 125 s and then for hours.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);
/// One attempt, TLS handshake included; a network that swallows packets answers nothing at all.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Longer than the waits of the crate's that are worth waiting for.
const STALLED: Duration = Duration::from_secs(4);
/// How long a closed session's connection may take to end by itself. Most do not: the crate's
/// closing message was not seen to arrive, and then the server goes on counting the session.
const CLOSE_GRACE: Duration = Duration::from_millis(250);
/// How long one that was cut may take to be dropped.
const DROPPING: Duration = Duration::from_secs(2);

/// What becomes of the connection, in order.
#[derive(Debug)]
pub enum DialEvent {
    Lost(String),
    /// There is a connection again; nothing is bound on it yet.
    Dialled,
    /// ngrok does not take the session back.
    Refused(EndReason),
}

pub struct Dialer {
    token: Secret,
    closing: CancellationToken,
    events: mpsc::UnboundedSender<DialEvent>,
    streams: TaskTracker,
    /// Cuts the stream in use.
    cut: Mutex<CancellationToken>,
}

impl Dialer {
    pub fn new(token: Secret) -> (Self, mpsc::UnboundedReceiver<DialEvent>) {
        let (events, received) = mpsc::unbounded_channel();
        let streams = TaskTracker::new();
        // Only so can one wait until there is none.
        streams.close();
        let dialer = Self {
            token,
            closing: CancellationToken::new(),
            events,
            streams,
            cut: Mutex::new(CancellationToken::new()),
        };
        (dialer, received)
    }

    /// One connection, made by `once`: the first attempt has one try, for its caller knows what to
    /// do about a failure. After a loss it returns with a connection, or when the session is given
    /// up.
    pub async fn connect<D, F>(
        &self,
        lost: Option<AcceptError>,
        once: D,
    ) -> Result<Box<dyn IoStream>, ConnectError>
    where
        D: Fn() -> F,
        F: Future<Output = Result<Box<dyn IoStream>, ConnectError>>,
    {
        let attempt = async || match tokio::time::timeout(ATTEMPT, once()).await {
            Ok(dialled) => dialled,
            Err(_) => Err(ConnectError::Tcp(io::ErrorKind::TimedOut.into())),
        };
        let Some(lost) = lost else {
            return attempt().await.map(|stream| self.wrap(stream));
        };
        self.cut();
        if let Some(why) = self.refusal(&lost) {
            self.send(DialEvent::Refused(why));
            return Err(ConnectError::Canceled);
        }
        self.send(DialEvent::Lost(reason(&lost)));
        let retrying = async {
            let mut wait = FIRST;
            loop {
                if let Ok(stream) = attempt().await {
                    return stream;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST);
            }
        };
        let stream = tokio::select! {
            () = self.closing.cancelled() => return Err(ConnectError::Canceled),
            stream = retrying => stream,
        };
        let stream = self.wrap(stream);
        self.send(DialEvent::Dialled);
        Ok(stream)
    }

    /// End the connection in use at once.
    pub fn cut(&self) {
        self.cut.lock().cancel();
    }

    /// Connect no more.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Wait until no connection is left, and cut it if it does not end by itself.
    pub async fn ended(&self) {
        let by_itself = tokio::time::timeout(CLOSE_GRACE, self.streams.wait()).await;
        if by_itself.is_err() {
            self.cut();
            if tokio::time::timeout(DROPPING, self.streams.wait())
                .await
                .is_err()
            {
                tracing::warn!("a connection to ngrok was cut and is still held");
            }
        }
    }

    /// Resolves when the session has given up a connection and not asked for another: the crate has
    /// begun a wait of 125 s or more.
    pub async fn stalled(&self) {
        self.streams.wait().await;
        tokio::time::sleep(STALLED).await;
    }

    fn wrap(&self, stream: Box<dyn IoStream>) -> Box<dyn IoStream> {
        let cut = CancellationToken::new();
        *self.cut.lock() = cut.clone();
        if self.closing.is_cancelled() {
            cut.cancel();
        }
        Box::new(CuttableStream::new(stream, &cut, self.streams.token()))
    }

    /// What ngrok answered when the session came back, if it answered anything. To ask the same
    /// again in the crate's own rhythm would take minutes, and for a bad authtoken for ever.
    fn refusal(&self, lost: &AcceptError) -> Option<EndReason> {
        let AcceptError::Reconnect(error) = lost else {
            return None;
        };
        match &**error {
            ConnectError::Auth(RpcError::Response(_))
            | ConnectError::Rebind(RpcError::Response(_)) => {
                Some(EndReason::of_connect(error, &self.token))
            }
            _ => None,
        }
    }

    fn send(&self, event: DialEvent) {
        // Nobody listens any more once the session is closed.
        let _ = self.events.send(event);
    }
}

fn reason(lost: &AcceptError) -> String {
    match lost {
        AcceptError::Reconnect(error) => format!("ngrok did not take the session back: {error}"),
        other => format!("the connection to ngrok was lost: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::time::Instant;

    use super::*;

    fn lost() -> AcceptError {
        AcceptError::Transport(muxado::Error::SessionClosed)
    }

    fn refused() -> Result<Box<dyn IoStream>, ConnectError> {
        Err(ConnectError::Tcp(io::ErrorKind::ConnectionRefused.into()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_connection_has_one_try() {
        let (dialer, _events) = Dialer::new(Secret::new("t"));
        let tries = AtomicU32::new(0);
        let once = async || {
            tries.fetch_add(1, Ordering::Relaxed);
            refused()
        };
        assert!(dialer.connect(None, once).await.is_err());
        assert_eq!(tries.into_inner(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_one_is_dialled_every_5_s_at_least() {
        let (dialer, mut events) = Dialer::new(Secret::new("t"));
        let began = Instant::now();
        let once = async || {
            if began.elapsed() < Duration::from_mins(1) {
                return refused();
            }
            Ok(Box::new(tokio::io::empty()) as Box<dyn IoStream>)
        };
        assert!(dialer.connect(Some(lost()), once).await.is_ok());
        assert!(began.elapsed() <= Duration::from_secs(65));
        assert!(matches!(events.try_recv(), Ok(DialEvent::Lost(_))));
        assert!(matches!(events.try_recv(), Ok(DialEvent::Dialled)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_when_closed() {
        let (dialer, _events) = Dialer::new(Secret::new("t"));
        let closing = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            dialer.close();
        };
        let (given_up, ()) =
            tokio::join!(dialer.connect(Some(lost()), async || refused()), closing);
        assert!(matches!(given_up, Err(ConnectError::Canceled)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_session_is_not_dialled_again() {
        let (dialer, mut events) = Dialer::new(Secret::new("t"));
        let said = RpcError::Response("no\n\nERR_NGROK_107".into());
        let lost = AcceptError::Reconnect(Arc::new(ConnectError::Auth(said)));
        let once = async || panic!("dialled");
        let given_up = dialer.connect(Some(lost), once).await;
        assert!(matches!(given_up, Err(ConnectError::Canceled)));
        let Ok(DialEvent::Refused(EndReason::Said { code, .. })) = events.try_recv() else {
            panic!("no word of the refusal");
        };
        assert_eq!(code, Some(107));
    }
}
