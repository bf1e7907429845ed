//! A door: one listening address, and what all doors share.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use http::HeaderValue;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::task::Scope;

use super::{
    forward::Visitor,
    lobby::Lobby,
    patience::{Patient, Requests},
    route::Routes,
};

/// Visitors' connections, upgraded ones among them.
const MOST_CONNECTIONS: u32 = 1024;
/// How many of them may come from outside, so that no crowd there locks out who is at this machine.
const MOST_FROM_OUTSIDE: u32 = 896;
/// How many of those may come by one entrance, so that a crowd at one preview leaves some for the
/// others. Who they are cannot be told apart: they all come from the tunnel, and what it says of
/// them anybody can say.
const MOST_AT_ONE_ENTRANCE: u32 = 768;
/// How long open requests may take to end once the scope has.
const DRAIN: Duration = Duration::from_secs(3);
const LARGEST_BUFFER: usize = 256 << 10;
const MOST_HEADERS: usize = 100;
const LARGEST_HEADER: u32 = 32 << 10;
const MOST_STREAMS: u32 = 200;

/// What all doors lead into.
pub(super) struct Hall {
    pub(super) routes: Routes,
    /// The port that people at this machine come in at.
    pub(super) port: u16,
    pub(super) seats: Seats,
    pub(super) scope: Scope,
    builder: auto::Builder<ScopeExecutor>,
}

impl Hall {
    pub(super) fn new(routes: Routes, port: u16, scope: Scope) -> Self {
        Self {
            routes,
            port,
            seats: Seats::new(),
            builder: builder(&scope),
            scope,
        }
    }
}

/// Room for connections.
pub(super) struct Seats {
    all: Arc<Semaphore>,
    outside: Arc<Semaphore>,
}

/// Kept for as long as a connection is.
pub(super) struct Seat {
    _of_all: OwnedSemaphorePermit,
    _outside: Option<[OwnedSemaphorePermit; 2]>,
}

impl Seats {
    fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MOST_CONNECTIONS as usize)),
            outside: Arc::new(Semaphore::new(MOST_FROM_OUTSIDE as usize)),
        }
    }

    /// Wait for one, and for one of the entrance's own. `None` never comes while the gateway serves.
    async fn take(&self, side: &Side, own: &Arc<Semaphore>) -> Option<Seat> {
        let outside = match side {
            Side::Local { .. } => None,
            Side::Outside(_) => Some([
                Arc::clone(own).acquire_owned().await.ok()?,
                Arc::clone(&self.outside).acquire_owned().await.ok()?,
            ]),
        };
        Some(Seat {
            _of_all: Arc::clone(&self.all).acquire_owned().await.ok()?,
            _outside: outside,
        })
    }

    /// Every connection holds one. They drain by themselves; this only waits for them.
    pub(super) async fn drained(&self) {
        let _ = tokio::time::timeout(DRAIN * 2, self.all.acquire_many(MOST_CONNECTIONS)).await;
    }
}

#[derive(Clone)]
struct ScopeExecutor(Scope);

impl<F> hyper::rt::Executor<F> for ScopeExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

fn builder(scope: &Scope) -> auto::Builder<ScopeExecutor> {
    let mut builder = auto::Builder::new(ScopeExecutor(scope.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Patient` keeps this time, and the ones it cannot keep.
        .header_read_timeout(None)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LARGEST_HEADER)
        .max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    builder
}

/// Who comes in at a door.
pub(super) enum Side {
    /// People at this machine, at this port.
    Local { port: u16 },
    /// Whoever comes through a tunnel.
    Outside(Arc<Lobby>),
}

/// One listening address.
pub(super) struct Door {
    pub(super) hall: Arc<Hall>,
    pub(super) side: Side,
    pub(super) scope: Scope,
    /// Room for connections that come by here, if they come from outside.
    own: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(hall: &Arc<Hall>, side: Side, scope: Scope) -> Self {
        Self {
            hall: Arc::clone(hall),
            side,
            scope,
            own: Arc::new(Semaphore::new(MOST_AT_ONE_ENTRANCE as usize)),
        }
    }

    /// Let visitors in until the scope ends.
    pub(super) async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        /// For the want of file descriptors to pass.
        const RESPITE: Duration = Duration::from_millis(50);
        loop {
            let seat = tokio::select! {
                () = self.scope.cancelled() => return,
                Some(seat) = self.hall.seats.take(&self.side, &self.own) => seat,
                else => return,
            };
            let accepted = tokio::select! {
                () = self.scope.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.welcome(stream, address, seat),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(RESPITE).await;
                }
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, address: SocketAddr, seat: Seat) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        let requests = Arc::new(Requests::default());
        let stream = TokioIo::new(Patient::new(stream, Arc::clone(&requests)));
        let address = HeaderValue::from_str(&address.ip().to_string())
            .expect("an address is made of digits, dots, letters and colons");
        let door = Arc::clone(self);
        let visitor = Arc::new(Visitor {
            door: Arc::clone(self),
            address,
            requests,
            seat: Arc::new(seat),
        });
        self.scope.spawn(async move {
            let service =
                hyper::service::service_fn(move |request| Arc::clone(&visitor).answer(request));
            let connection = door
                .hall
                .builder
                .serve_connection_with_upgrades(stream, service);
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = door.scope.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::time::timeout(DRAIN, connection).await.unwrap_or(Ok(()))
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a visitor's connection broke");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_crowd_outside_leaves_room_for_who_is_here() {
        let seats = Seats::new();
        let outside = Side::Outside(Lobby::new(7071, true));
        let local = Side::Local { port: 7070 };
        let own = || Arc::new(Semaphore::new(MOST_AT_ONE_ENTRANCE as usize));
        let (crowded, other, none) = (own(), own(), own());
        let is_full = |side, own| {
            let wait = tokio::time::timeout(DRAIN, seats.take(side, own));
            async { wait.await.is_err() }
        };
        let mut taken = Vec::new();
        for _ in 0..MOST_AT_ONE_ENTRANCE {
            taken.push(seats.take(&outside, &crowded).await.unwrap());
        }
        assert!(is_full(&outside, &crowded).await);
        for _ in MOST_AT_ONE_ENTRANCE..MOST_FROM_OUTSIDE {
            taken.push(seats.take(&outside, &other).await.unwrap());
        }
        assert!(is_full(&outside, &other).await);
        for _ in MOST_FROM_OUTSIDE..MOST_CONNECTIONS {
            taken.push(seats.take(&local, &none).await.unwrap());
        }
        assert!(
            is_full(&local, &none).await,
            "and there are no more than that"
        );
        taken.remove(0);
        assert!(!is_full(&outside, &crowded).await);
    }
}
