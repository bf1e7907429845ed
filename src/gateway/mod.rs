//! The gateway: the one door to every instance. It listens on loopback, tells instances apart by
//! host name, forwards, and counts who is busy.

mod activity;
mod body;
mod dial;
mod entrance;
mod error;
mod forward;
mod headers;
mod host;
mod page;
mod patience;
mod pool;
mod rewrite;
mod route;
mod upgrade;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{net::TcpStream, sync::Semaphore, time::MissedTickBehavior};

use crate::{model::Name, task::Scope};

use forward::Visitor;
use patience::{Patient, Requests};

pub use activity::{Activity, Hold, Load};
pub use dial::{AsyncReadWrite, Dial, Stream, TcpDial};
pub use entrance::{Challenge, Entrance, Entrances};
pub use error::GatewayError;
pub use route::{Route, Routes, Target};

/// Where previews are found unless something else is there.
pub const DEFAULT_PORT: u16 = 7070;

/// Visitors' connections, upgraded ones among them.
const MOST_CONNECTIONS: u32 = 1024;
/// How long open requests may take to end once the scope has.
const DRAIN: Duration = Duration::from_secs(3);
const SWEEP: Duration = Duration::from_secs(15);
const LARGEST_BUFFER: usize = 256 << 10;
const MOST_HEADERS: usize = 100;
const LARGEST_HEADER: u32 = 32 << 10;
const MOST_STREAMS: u32 = 200;

/// A port that is taken, not yet served.
#[derive(Debug)]
pub struct Gateway {
    listeners: Vec<TcpListener>,
    port: u16,
}

impl Gateway {
    /// Listen on `preferred` on loopback, or on a free port when that is taken.
    pub fn bind(preferred: Option<u16>) -> Result<Self, GatewayError> {
        const ATTEMPTS: u32 = 16;
        match listen(preferred.unwrap_or(DEFAULT_PORT)) {
            Err(error) if is_taken(&error) => {}
            bound => return bound.map_err(GatewayError::Listen),
        }
        for _ in 0..ATTEMPTS {
            match listen(0) {
                Err(error) if is_taken(&error) => {}
                bound => return bound.map_err(GatewayError::Listen),
            }
        }
        Err(GatewayError::NoFreePort)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the instance of that name is found.
    pub fn url(&self, name: &Name) -> String {
        format!("http://{name}.localhost:{}", self.port)
    }

    /// Serve until the scope ends, and then until open requests have or 3 s have passed.
    pub async fn serve(&self, routes: Routes, scope: &Scope) -> Result<(), GatewayError> {
        let scope = scope.child();
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS as usize));
        let builder = Arc::new(builder(&scope));
        for listener in &self.listeners {
            let listener = listener
                .try_clone()
                .and_then(tokio::net::TcpListener::from_std)
                .map_err(GatewayError::Socket)?;
            let door = Door {
                routes: routes.clone(),
                port: self.port,
                places: Arc::clone(&places),
                builder: Arc::clone(&builder),
                scope: scope.clone(),
            };
            scope.spawn(door.accept(listener));
        }
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = scope.cancelled() => break,
                _ = sweep.tick() => routes.all().iter().for_each(|entry| entry.pool.sweep()),
            }
        }
        // Every connection holds a place. They drain by themselves; this only waits for them.
        let _ = tokio::time::timeout(DRAIN * 2, places.acquire_many(MOST_CONNECTIONS)).await;
        routes.all().iter().for_each(|entry| entry.pool.close());
        Ok(())
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

/// Both loopback addresses at one port. A host without IPv6 is served over IPv4 alone.
fn listen(port: u16) -> io::Result<Gateway> {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = v4.local_addr()?.port();
    let mut listeners = vec![v4];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Ok(v6) => listeners.push(v6),
        Err(error) if is_taken(&error) => return Err(error),
        Err(error) => tracing::debug!(%error, "no IPv6 loopback"),
    }
    for listener in &listeners {
        listener.set_nonblocking(true)?;
    }
    Ok(Gateway { listeners, port })
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

/// One listening address.
struct Door {
    routes: Routes,
    port: u16,
    places: Arc<Semaphore>,
    builder: Arc<auto::Builder<ScopeExecutor>>,
    scope: Scope,
}

impl Door {
    async fn accept(self, listener: tokio::net::TcpListener) {
        /// For the want of file descriptors to pass.
        const RESPITE: Duration = Duration::from_millis(50);
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            let place = tokio::select! {
                () = self.scope.cancelled() => return,
                Ok(place) = place => place,
                else => return,
            };
            let accepted = tokio::select! {
                () = self.scope.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.welcome(stream, address, place),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(RESPITE).await;
                }
            }
        }
    }

    fn welcome(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        place: tokio::sync::OwnedSemaphorePermit,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        let requests = Arc::new(Requests::default());
        let stream = TokioIo::new(Patient::new(stream, Arc::clone(&requests)));
        let address = HeaderValue::from_str(&address.ip().to_string())
            .expect("an address is made of digits, dots, letters and colons");
        let visitor = Arc::new(Visitor {
            routes: self.routes.clone(),
            port: self.port,
            address,
            requests,
            scope: self.scope.clone(),
            permit: Arc::new(place),
        });
        let builder = Arc::clone(&self.builder);
        let scope = self.scope.clone();
        self.scope.spawn(async move {
            let service =
                hyper::service::service_fn(move |request| Arc::clone(&visitor).answer(request));
            let connection = builder.serve_connection_with_upgrades(stream, service);
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = scope.cancelled() => {
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
