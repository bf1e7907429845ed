//! An ngrok edge on loopback: what agents connect to, and a public side that leads visitors to
//! their endpoints.
//!
//! Agents speak muxado over TLS. Each request of theirs is a stream that starts with its kind: 0
//! auth, 1 bind, 2 unbind; each visitor is a stream of kind 3 that the edge opens. It runs on
//! threads of its own, so that it serves any kind of test.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use muxado::{
    SessionBuilder,
    heartbeat::{Heartbeat, HeartbeatConfig},
    typed::{Typed, TypedAccept, TypedOpenClose, TypedSession, TypedStream},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

#[path = "ngrok_visitors.rs"]
mod visitors;

use super::identity;

/// Hosts that are not asked for are made up below this one.
pub const BASE: &str = "ngrok.test";

/// Dropped, everything of it is closed.
pub struct Edge {
    /// Where agents connect to.
    pub agents: SocketAddr,
    /// Where visitors do, with TLS and without.
    pub public: SocketAddr,
    /// The authority of both, as PEM.
    pub ca: String,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// One thing an agent did.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Counts the connections of agents.
    pub session: u64,
    pub what: What,
    pub body: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Auth,
    Bind,
    Unbind,
    /// The agent said goodbye, or its connection ended.
    End,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// What the next agents are told in place of a welcome.
    refusals: Mutex<Vec<String>>,
    endpoints: Mutex<HashMap<String, Endpoint>>,
    dials: AtomicU64,
    sessions: AtomicU64,
    tunnels: AtomicU64,
    network: watch::Sender<Network>,
}

/// A connection lasts until the network changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    changes: u64,
    is: Is,
}

const GOOD: Network = Network {
    changes: 0,
    is: Is::Good,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Good,
    /// Every connection ends at once.
    Down,
    /// Connections stay, and nothing moves on them.
    Frozen,
}

#[derive(Clone)]
struct Endpoint {
    id: String,
    token: String,
    session: u64,
    open: Opener,
}

type Opener = Arc<tokio::sync::Mutex<Box<dyn TypedOpenClose + Send>>>;

impl Edge {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (tls, ca) = identity::make(["localhost", &format!("*.{BASE}")]);
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            refusals: Mutex::default(),
            endpoints: Mutex::default(),
            dials: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            tunnels: AtomicU64::new(0),
            network: watch::Sender::new(GOOD),
        });
        // Not blocked on, for it may be started inside of another runtime.
        let entered = runtime.enter();
        let (agents, at_agents) = listen();
        let (public, at_public) = listen();
        spawn(take_agents(Arc::clone(&shared), at_agents, tls.clone()));
        spawn(visitors::take(Arc::clone(&shared), at_public, tls));
        drop(entered);
        Self {
            agents,
            public,
            ca,
            shared,
            runtime: Some(runtime),
        }
    }

    /// As agents are told where it is.
    pub fn server(&self) -> String {
        format!("localhost:{}", self.agents.port())
    }

    /// Tell the next agent this in place of a welcome.
    pub fn refuse_once(&self, code: u32, text: &str) {
        let said = format!("{text}\r\n\r\nERR_NGROK_{code}\r\n");
        self.shared.refusals.lock().unwrap().push(said);
    }

    /// Answer the next agents nothing, and hang up.
    pub fn hang_up_once(&self) {
        self.shared.refusals.lock().unwrap().push(String::new());
    }

    /// Good, for new connections. Those of before are ended.
    pub fn up(&self) {
        self.network(Is::Good);
    }

    pub fn down(&self) {
        self.network(Is::Down);
    }

    pub fn freeze(&self) {
        self.network(Is::Frozen);
    }

    fn network(&self, is: Is) {
        self.shared.network.send_modify(|network| {
            network.changes += 1;
            network.is = is;
        });
    }

    /// How often agents have tried to connect.
    pub fn dials(&self) -> u64 {
        self.shared.dials.load(Ordering::SeqCst)
    }

    pub fn seen(&self, what: What) -> Vec<Seen> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter().filter(|it| it.what == what).cloned().collect()
    }

    /// The hosts that lead somewhere now.
    pub fn hosts(&self) -> Vec<String> {
        let endpoints = self.shared.endpoints.lock().unwrap();
        endpoints.keys().cloned().collect()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen() -> (SocketAddr, TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    (addr, TcpListener::from_std(listener).unwrap())
}

/// Onto the edge's own threads; the runtime ends them all.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::runtime::Handle::current().spawn(task));
}

async fn take_agents(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        shared.dials.fetch_add(1, Ordering::SeqCst);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        spawn(async move {
            let mut network = shared.network.subscribe();
            let made = *network.borrow_and_update();
            if made.is == Is::Down {
                return;
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            let carrying = carry(connection, far, network, made);
            let serving = async {
                if let Ok(agent) = tls.accept(near).await {
                    let session = shared.sessions.fetch_add(1, Ordering::SeqCst);
                    let ended = serve_agent(&shared, session, agent).await;
                    shared.forget(session, &ended);
                }
            };
            tokio::join!(carrying, serving);
        });
    }
}

/// The network between an agent and the edge, for as long as it is as it was `made`. Either end
/// that closes closes the other.
async fn carry(
    mut connection: TcpStream,
    mut far: tokio::io::DuplexStream,
    mut network: watch::Receiver<Network>,
    made: Network,
) {
    let changed = tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut connection, &mut far) => return,
        changed = network.wait_for(|now| *now != made) => changed.map(|now| *now),
    };
    if changed.is_ok_and(|now| now.is == Is::Frozen) {
        let _ = network.wait_for(|now| now.is != Is::Frozen).await;
    }
}

async fn serve_agent(
    shared: &Arc<Shared>,
    session: u64,
    agent: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<(), String> {
    let muxado = SessionBuilder::new(agent).server().start();
    let (heartbeat, _beats) = Heartbeat::start(Typed::new(muxado), HeartbeatConfig::default())
        .await
        .map_err(|error| error.to_string())?;
    let (open, mut accept) = heartbeat.split_typed();
    let open: Opener = Arc::new(tokio::sync::Mutex::new(Box::new(open)));
    loop {
        let request = accept.accept_typed().await;
        let mut stream = request.map_err(|error| error.to_string())?;
        let kind = *stream.typ();
        let body = read_json(&mut stream)
            .await
            .map_err(|error| error.to_string())?;
        let (what, answer) = match kind {
            0 => (What::Auth, shared.auth()),
            1 => (What::Bind, shared.bind(session, &body, &open)),
            2 => (What::Unbind, shared.unbind(&body)),
            other => return Err(format!("a request of kind {other}")),
        };
        shared.note(session, what, body);
        if answer.as_ref().is_err_and(String::is_empty) {
            return Err("hung up".to_owned());
        }
        let answer = answer.unwrap_or_else(|refusal| json!({ "Error": refusal }));
        let _ = stream.write_all(answer.to_string().as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// Agents leave their side open, so the end is where the JSON is whole.
async fn read_json(stream: &mut TypedStream) -> io::Result<Value> {
    let mut text = Vec::new();
    loop {
        if stream.read_buf(&mut text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Ok(value) = serde_json::from_slice(&text) {
            return Ok(value);
        }
    }
}

impl Shared {
    fn note(&self, session: u64, what: What, body: Value) {
        self.seen.lock().unwrap().push(Seen {
            session,
            what,
            body,
        });
    }

    fn auth(&self) -> Result<Value, String> {
        let mut refusals = self.refusals.lock().unwrap();
        if !refusals.is_empty() {
            return Err(refusals.remove(0));
        }
        let extra = json!({ "Region": "test", "Cookie": "cookie", "PlanName": "Free" });
        Ok(json!({ "Version": "3", "ClientId": "client", "Extra": extra }))
    }

    fn bind(&self, session: u64, body: &Value, open: &Opener) -> Result<Value, String> {
        let mut endpoints = self.endpoints.lock().unwrap();
        let asked = body["Id"].as_str().unwrap_or_default();
        let (id, token) = if asked.is_empty() {
            let number = self.tunnels.fetch_add(1, Ordering::SeqCst) + 1;
            (format!("tn_{number}"), format!("token-{number}"))
        } else {
            let token = asked.replace("tn_", "token-");
            if body["Extra"]["Token"] != token.as_str() {
                return Err("The bind cookie is malformed.\n\nERR_NGROK_335\n".to_owned());
            }
            (asked.to_owned(), token)
        };
        let host = match body["Opts"]["Domain"].as_str() {
            Some(domain) if !domain.is_empty() => domain.to_owned(),
            _ => format!("{}.{BASE}", id.replace('_', "-")),
        };
        if endpoints
            .get(&host)
            .is_some_and(|other| other.token != token)
        {
            let said = format!("The endpoint 'https://{host}' is already online.");
            return Err(format!("{said}\r\n\r\nERR_NGROK_334\r\n"));
        }
        let endpoint = Endpoint {
            id: id.clone(),
            token: token.clone(),
            session,
            open: Arc::clone(open),
        };
        endpoints.insert(host.clone(), endpoint);
        Ok(json!({
            "Id": id,
            "URL": format!("https://{host}"),
            "Proto": body["Proto"],
            "Opts": body["Opts"],
            "Extra": { "Token": token },
        }))
    }

    fn unbind(&self, body: &Value) -> Result<Value, String> {
        let mut endpoints = self.endpoints.lock().unwrap();
        let before = endpoints.len();
        endpoints.retain(|_, endpoint| body["Id"] != endpoint.id.as_str());
        if endpoints.len() == before {
            let said = format!("No tunnel found with the ID {}", body["Id"]);
            return Err(format!("{said}\n\nERR_NGROK_333\n"));
        }
        Ok(json!({}))
    }

    /// A session is over, and its endpoints with it.
    fn forget(&self, session: u64, how: &Result<(), String>) {
        let mut endpoints = self.endpoints.lock().unwrap();
        endpoints.retain(|_, endpoint| endpoint.session != session);
        drop(endpoints);
        self.note(session, What::End, json!(format!("{how:?}")));
    }
}
