//! `Provider`: what each kind of tunnel does, and how it says how it is.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::TunnelError;
use crate::{
    model::{InstanceId, Name, PublicUrl, TunnelKind},
    store::TunnelRecord,
};

/// One kind of tunnel. It holds tunnels open; when to open, restart and give up is for the
/// supervisor alone.
#[async_trait]
pub trait Provider: Send + Sync {
    fn kind(&self) -> TunnelKind;

    fn capabilities(&self) -> Capabilities;

    /// The port on 127.0.0.1 at which the gateway must take its visitors; any if `None`.
    fn port(&self) -> Option<u16> {
        None
    }

    /// How long one attempt may take to have a URL, where the usual is not right.
    fn opening(&self) -> Option<Duration> {
        None
    }

    /// What can be told without opening a tunnel, for `doctor`. Nothing is asked of the network
    /// unless `online`.
    async fn check(&self, online: bool) -> Vec<Check>;

    /// Hold one tunnel open until `stop` is asked for, and say through `report` how it is.
    ///
    /// `Ok` only after a stop. When it returns, nothing of it runs any more, and after
    /// [`Stop::releases`] nothing at the provider is left. It is not cancelled by being dropped
    /// but by `stop`; a caller that does drop it leaves the rest to [`Provider::reap`].
    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError>;

    /// Take away what attempts that failed left at the provider for an instance whose tunnel
    /// nobody wants any more. Not called while [`Provider::hold`] runs for it.
    async fn release(&self, id: &InstanceId) -> Result<(), TunnelError> {
        let _ = id;
        Ok(())
    }

    /// Take away what an agent that was killed left at the provider. Its processes are ended
    /// already. What belongs to an instance that is `wanted` stays, for it will be held again.
    /// Repeating it does no harm.
    async fn reap(
        &self,
        left: &TunnelRecord,
        wanted: Wanted<'_>,
    ) -> Result<ReapOutcome, TunnelError> {
        let _ = (left, wanted);
        Ok(ReapOutcome::All)
    }
}

/// Whether an instance still wants its tunnel.
pub type Wanted<'a> = &'a (dyn Fn(&InstanceId) -> bool + Send + Sync);

/// What becomes of the record of what was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReapOutcome {
    /// It is of no use any more; the caller removes it.
    All,
    /// The provider keeps it or has removed it. The caller leaves it alone.
    HandledByProvider,
}

/// What one can expect of a kind of tunnel.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// The same URL comes back after a restart.
    pub stable_url: bool,
    /// Between being connected and the first look at the URL: names need time to be known, and a
    /// resolver that was asked too early remembers that there was nothing.
    pub settle: Duration,
    /// How long it may be down before it is opened anew; for ever if `None`.
    pub heal: Option<Duration>,
}

/// One thing `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub kind: TunnelKind,
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    pub fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// It works for some, and it cannot be told from here for whom.
    Doubtful,
    /// The kind is not set up, and nobody said it should be.
    Absent,
    Bad,
}

/// A tunnel that is wanted.
#[derive(Debug, Clone)]
pub struct TunnelSpec {
    pub id: InstanceId,
    pub name: Name,
    /// Where the gateway takes the visitors of this instance.
    pub target: SocketAddr,
    /// Counts the attempts at this tunnel.
    pub generation: u64,
}

/// How a connection is, as its provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    Opening,
    /// The provider has it open, at this address.
    Up(PublicUrl),
    /// It may come back by itself at the same address.
    Down {
        why: String,
    },
}

/// Where a provider says how one attempt is. It goes with the attempt, so an older one's word
/// cannot be taken for a newer's.
#[derive(Debug, Clone)]
pub struct Report(watch::Sender<Connection>);

impl Report {
    pub fn new() -> (Self, watch::Receiver<Connection>) {
        let (sender, receiver) = watch::channel(Connection::Opening);
        (Self(sender), receiver)
    }

    pub fn up(&self, url: &PublicUrl) {
        self.say(Connection::Up(url.clone()));
    }

    pub fn down(&self, why: impl Into<String>) {
        self.say(Connection::Down { why: why.into() });
    }

    fn say(&self, now: Connection) {
        self.0.send_if_modified(|before| {
            let changes = *before != now;
            *before = now;
            changes
        });
    }
}

/// Asked to stop, and whether for good.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    release: Arc<AtomicBool>,
}

impl Stop {
    pub fn new(token: CancellationToken) -> Self {
        Self {
            token,
            release: Arc::default(),
        }
    }

    /// Resolves once it is to be closed.
    pub async fn asked(&self) {
        self.token.cancelled().await;
    }

    pub fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Whether what was made at the provider is to go too: the user is done with it. Otherwise the
    /// agent stops and the next one goes on with it.
    pub fn releases(&self) -> bool {
        self.release.load(Ordering::Acquire)
    }

    pub fn close(&self) {
        self.token.cancel();
    }

    pub fn close_and_release(&self) {
        self.release.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// One that is asked with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
            release: Arc::clone(&self.release),
        }
    }
}
