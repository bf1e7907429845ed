//! A Cloudflare edge on loopback, by HTTP/2: what agents of tunnels connect to, and a public side
//! that leads visitors to their tunnels.
//!
//! An agent connects by TCP and TLS; then the edge is the client of HTTP/2 and the agent its
//! server. The first request of the edge is the control stream, over which the agent registers
//! ([`control`]); each visitor is a request ([`visitors`]). That was seen of `cloudflared`
//! 2026.8.2. Cap'n Proto's RPC stays on one thread, so the edge runs on one of its own.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use h2::client::SendRequest;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

mod control;
pub mod directory;
mod headers;
mod pipe;
mod visitors;

pub use directory::Directory;

use super::identity;

/// The name by which agents know the edge.
const NAME: &str = "h2.cftunnel.com";
/// The header by which the edge says what a request is, unless it is a visitor's.
const UPGRADE: &str = "cf-cloudflared-proxy-connection-upgrade";

type Failure = Box<dyn std::error::Error>;

/// Dropped, everything of it is closed.
pub struct Edge {
    /// Where agents connect to.
    pub agents: SocketAddr,
    /// Where visitors do, with TLS.
    pub public: SocketAddr,
    /// The authority of both, as PEM.
    pub ca: String,
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// One thing an agent did or had done.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Registered {
        tunnel: String,
        version: String,
    },
    /// It was told why not.
    Refused(String),
    /// It said goodbye.
    Unregistered,
    /// Its answer to a configuration.
    Configured(Value),
    /// Its connection is over.
    Ended,
}

struct Shared {
    directory: Box<dyn Directory>,
    seen: Mutex<Vec<Seen>>,
    /// The registered connections, by their numbers.
    connections: Mutex<HashMap<u64, Connected>>,
    /// The configuration each tunnel was last sent, and its version.
    configurations: Mutex<HashMap<String, (i32, Vec<Value>)>>,
    dials: AtomicU64,
    is_up: watch::Sender<bool>,
}

#[derive(Clone)]
struct Connected {
    tunnel: String,
    client: SendRequest<Bytes>,
}

impl Edge {
    pub fn start(directory: impl Directory + 'static) -> Self {
        let names = [NAME, "*.trycloudflare.com", "*.example.com"];
        let (tls, ca) = identity::make(names);
        let (agents, at_agents) = listen();
        let (public, at_public) = listen();
        let shared = Arc::new(Shared {
            directory: Box::new(directory),
            seen: Mutex::default(),
            connections: Mutex::default(),
            configurations: Mutex::default(),
            dials: AtomicU64::new(0),
            is_up: watch::Sender::new(true),
        });
        let stop = CancellationToken::new();
        let (inner, until) = (Arc::clone(&shared), stop.clone());
        let thread = std::thread::spawn(move || {
            on_this_thread(until.run_until_cancelled_owned(async move {
                let (agents, public) = (
                    TcpListener::from_std(at_agents).unwrap(),
                    TcpListener::from_std(at_public).unwrap(),
                );
                tokio::join!(
                    take_agents(Arc::clone(&inner), agents, tls.clone()),
                    visitors::take(inner, public, tls),
                );
            }));
        });
        Self {
            agents,
            public,
            ca,
            shared,
            stop,
            thread: Some(thread),
        }
    }

    /// End every connection of an agent, and each that comes.
    pub fn down(&self) {
        self.shared.is_up.send_replace(false);
    }

    pub fn up(&self) {
        self.shared.is_up.send_replace(true);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How often an agent has registered.
    pub fn registrations(&self) -> usize {
        let seen = self.seen();
        let registered = |seen: &&Seen| matches!(seen, Seen::Registered { .. });
        seen.iter().filter(registered).count()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Its panic has been shown, and a second one here would hide what a test says.
            let _ = thread.join();
        }
    }
}

/// Run this, and what it spawns for as long as it lasts.
fn on_this_thread<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, future)
}

fn listen() -> (SocketAddr, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener.local_addr().unwrap(), listener)
}

async fn take_agents(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let number = shared.dials.fetch_add(1, Ordering::SeqCst);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        spawn_local(async move {
            let mut is_up = shared.is_up.subscribe();
            tokio::select! {
                _ = is_up.wait_for(|is_up| !is_up) => {}
                _ = serve_agent(&shared, number, socket, tls) => {}
            }
            shared.forget(number);
        });
    }
}

async fn serve_agent(
    shared: &Arc<Shared>,
    number: u64,
    socket: TcpStream,
    tls: TlsAcceptor,
) -> Result<(), Failure> {
    let stream = tls.accept(socket).await?;
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::select! {
        ended = connection => Ok(ended?),
        ended = control::serve(shared, number, client) => ended,
    }
}

impl Shared {
    fn note(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
    }

    fn keep(&self, number: u64, connected: Connected) {
        let tunnel = connected.tunnel.clone();
        self.connections.lock().unwrap().insert(number, connected);
        self.count(&tunnel);
    }

    /// A connection is over.
    fn forget(&self, number: u64) {
        let connected = self.connections.lock().unwrap().remove(&number);
        if let Some(connected) = connected {
            self.count(&connected.tunnel);
            self.note(Seen::Ended);
        }
    }

    fn count(&self, tunnel: &str) {
        let connections = self.connections.lock().unwrap();
        let of_it = connections.values().filter(|it| it.tunnel == tunnel);
        let count = u32::try_from(of_it.count()).unwrap();
        self.directory.connected(tunnel, count);
    }

    /// A way to the tunnel that this host leads to.
    fn way_to(&self, host: &str) -> Option<SendRequest<Bytes>> {
        let tunnel = self.directory.tunnel_of(host)?;
        let connections = self.connections.lock().unwrap();
        let found = connections.values().find(|it| it.tunnel == tunnel)?;
        Some(found.client.clone())
    }

    /// The tunnel's configuration if it is kept here, with its version.
    fn configuration(&self, tunnel: &str) -> Option<(i32, Vec<Value>)> {
        let now = self.directory.ingress(tunnel)?;
        let mut all = self.configurations.lock().unwrap();
        let kept = all.entry(tunnel.to_owned()).or_default();
        if kept.1 != now {
            *kept = (kept.0 + 1, now);
        }
        Some(kept.clone())
    }
}
