//! `Listener`: one listening address of the gateway, and the context that all listeners share.

use std::{future::Future, net::SocketAddr, sync::Arc};

use http::HeaderValue;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    proxy::handler::VisitorConnection,
    routing::{routes::Routes, virtual_hosts::VirtualHosts},
};
use crate::{
    http_server::{self, DRAIN, RequestCounter, TimeoutIo},
    task::Scope,
};

/// Visitors' connections, upgraded ones among them.
const MOST_CONNECTIONS: u32 = 1024;
/// How many of them may come from outside, so that no crowd there locks out who is at this machine.
const MOST_PUBLIC: u32 = 896;
/// How many of those one public listener may have, so that a crowd at one preview leaves some for the
/// others. Who they are cannot be told apart: they all come from the tunnel, and what it says of
/// them anybody can say.
const MOST_AT_ONE_LISTENER: u32 = 768;
const LARGEST_BUFFER: usize = 256 << 10;
const MOST_HEADERS: usize = 100;
const LARGEST_HEADER: u32 = 32 << 10;
const MOST_STREAMS: u32 = 200;

/// What all listeners share: the routes, the limit of connections and the scope.
pub(super) struct ServerContext {
    pub(super) routes: Routes,
    /// The port that people at this machine come in at.
    pub(super) port: u16,
    pub(super) connections: ConnectionLimit,
    pub(super) scope: Scope,
    builder: auto::Builder<ScopeExecutor>,
}

impl ServerContext {
    pub(super) fn new(routes: Routes, port: u16, scope: Scope) -> Self {
        Self {
            routes,
            port,
            connections: ConnectionLimit::new(),
            builder: builder(&scope),
            scope,
        }
    }
}

/// How many connections there may be.
pub(super) struct ConnectionLimit {
    all: Arc<Semaphore>,
    public: Arc<Semaphore>,
}

/// One connection's part of the limit. It is given back when dropped.
pub(super) struct ConnectionPermit {
    _of_all: OwnedSemaphorePermit,
    _outside: Option<[OwnedSemaphorePermit; 2]>,
}

impl ConnectionLimit {
    fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MOST_CONNECTIONS as usize)),
            public: Arc::new(Semaphore::new(MOST_PUBLIC as usize)),
        }
    }

    /// Wait for a permit, and for one of the listener's own. It is never `None` while the gateway serves.
    async fn take(&self, kind: &ListenerKind, own: &Arc<Semaphore>) -> Option<ConnectionPermit> {
        let public = match kind {
            ListenerKind::Local { .. } => None,
            ListenerKind::Public(_) => Some([
                Arc::clone(own).acquire_owned().await.ok()?,
                Arc::clone(&self.public).acquire_owned().await.ok()?,
            ]),
        };
        Some(ConnectionPermit {
            _of_all: Arc::clone(&self.all).acquire_owned().await.ok()?,
            _outside: public,
        })
    }

    /// Wait until every connection has given its permit back.
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
        // `TimeoutIo` keeps this time, and the ones it cannot keep.
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

/// Who connects to a listener.
pub(super) enum ListenerKind {
    /// People at this machine, at this port.
    Local { port: u16 },
    /// Visitors who come through a tunnel.
    Public(Arc<VirtualHosts>),
}

/// One listening address.
pub(super) struct Listener {
    pub(super) context: Arc<ServerContext>,
    pub(super) kind: ListenerKind,
    pub(super) scope: Scope,
    /// The limit of this listener alone, where its visitors come from outside.
    own: Arc<Semaphore>,
}

impl Listener {
    pub(super) fn new(context: &Arc<ServerContext>, kind: ListenerKind, scope: Scope) -> Self {
        Self {
            context: Arc::clone(context),
            kind,
            scope,
            own: Arc::new(Semaphore::new(MOST_AT_ONE_LISTENER as usize)),
        }
    }

    /// Let visitors in until the scope ends.
    pub(super) async fn accept(self: &Arc<Self>, socket: &TcpListener) {
        let permit = || {
            let own = Arc::clone(self);
            async move { own.context.connections.take(&own.kind, &own.own).await }
        };
        http_server::accept(socket, &self.scope, permit, |stream, address, permit| {
            self.serve_connection(stream, address, permit);
        })
        .await;
    }

    fn serve_connection(
        self: &Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        permit: ConnectionPermit,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        let requests = Arc::new(RequestCounter::default());
        let stream = TokioIo::new(TimeoutIo::new(stream, Arc::clone(&requests)));
        let address = HeaderValue::from_str(&address.ip().to_string())
            .expect("an address is made of digits, dots, letters and colons");
        let listener = Arc::clone(self);
        let visitor = Arc::new(VisitorConnection {
            listener: Arc::clone(self),
            address,
            requests,
            permit: Arc::new(permit),
        });
        self.scope.spawn(async move {
            let service =
                hyper::service::service_fn(move |request| Arc::clone(&visitor).answer(request));
            let connection = listener
                .context
                .builder
                .serve_connection_with_upgrades(stream, service);
            let ended = http_server::until_drained(
                connection,
                auto::UpgradeableConnection::graceful_shutdown,
                &listener.scope,
            )
            .await;
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
        let connections = ConnectionLimit::new();
        let public = ListenerKind::Public(VirtualHosts::new(7071, true));
        let local = ListenerKind::Local { port: 7070 };
        let own = || Arc::new(Semaphore::new(MOST_AT_ONE_LISTENER as usize));
        let (crowded, other, none) = (own(), own(), own());
        let is_full = |kind, own| {
            let wait = tokio::time::timeout(DRAIN, connections.take(kind, own));
            async { wait.await.is_err() }
        };
        let mut taken = Vec::new();
        for _ in 0..MOST_AT_ONE_LISTENER {
            taken.push(connections.take(&public, &crowded).await.unwrap());
        }
        assert!(is_full(&public, &crowded).await);
        for _ in MOST_AT_ONE_LISTENER..MOST_PUBLIC {
            taken.push(connections.take(&public, &other).await.unwrap());
        }
        assert!(is_full(&public, &other).await);
        for _ in MOST_PUBLIC..MOST_CONNECTIONS {
            taken.push(connections.take(&local, &none).await.unwrap());
        }
        assert!(
            is_full(&local, &none).await,
            "and there are no more than that"
        );
        taken.remove(0);
        assert!(!is_full(&public, &crowded).await);
    }
}
