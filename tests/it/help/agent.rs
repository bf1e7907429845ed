//! An agent that answers what a test tells it to, on the socket of a world.

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use codemate_preview::{
    api::{API_VERSION, Envelope, ExecFrame, ExecRequest, path},
    model::{Event, Problem},
    task::Scope,
};
use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixListener,
};

use super::program::{World, until};

#[derive(Clone)]
pub enum Answer {
    Json(Value),
    Refuse(Problem),
    /// Lines, then the end that goes with them.
    Lines(Vec<Event>, End),
    /// Every frame that comes is recorded; these are sent once standard input is closed.
    Exec(Vec<ExecFrame>),
}

#[derive(Clone, Copy, PartialEq)]
pub enum End {
    Proper,
    /// The connection breaks, as when the agent is killed.
    Cut,
    /// Nothing more comes until the client goes away.
    Open,
}

#[derive(Clone, Default)]
struct Shared {
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    /// Method and path, and the body.
    seen: Arc<Mutex<Vec<(String, Value)>>>,
    /// Paths of streams the client went away from.
    left: Arc<Mutex<Vec<String>>>,
    typed: Arc<Mutex<Vec<u8>>>,
    scope: Scope,
}

pub struct FakeAgent {
    shared: Shared,
    socket: PathBuf,
    inode: u64,
    runtime: Option<tokio::runtime::Runtime>,
}

impl FakeAgent {
    pub fn start(world: &World) -> Self {
        let socket = world.socket();
        let mut private = std::fs::DirBuilder::new();
        private
            .recursive(true)
            .mode(0o700)
            .create(socket.parent().unwrap())
            .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shared = Shared::default();
        let listener = runtime.block_on(async { UnixListener::bind(&socket).unwrap() });
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let agent = Self {
            shared,
            inode: inode(&socket).unwrap(),
            socket,
            runtime: Some(runtime),
        };
        agent.on("GET", path::HELLO, Answer::Json(hello(API_VERSION)));
        let scope = agent.shared.scope.clone();
        let serve = async move { axum::serve(listener, router).await };
        agent
            .runtime
            .as_ref()
            .unwrap()
            .block_on(async { drop(scope.spawn(serve)) });
        agent
    }

    pub fn on(&self, method: &str, path: &str, answer: Answer) {
        self.shared
            .answers
            .lock()
            .unwrap()
            .insert(format!("{method} {path}"), answer);
    }

    /// Answer `up`.
    pub fn on_start(&self, events: &[Event], end: End) {
        self.on("POST", path::START, Answer::Lines(events.to_vec(), end));
    }

    /// The body of the last request of this method and path.
    pub fn asked(&self, what: &str) -> Option<Value> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter()
            .rev()
            .find(|(request, _)| request == what)
            .map(|(_, body)| body.clone())
    }

    pub fn wait_for(&self, what: &str) -> Value {
        until(what, || self.asked(what))
    }

    /// Wait until the client goes away from a stream.
    pub fn wait_left(&self, what: &str) {
        until(what, || {
            self.shared
                .left
                .lock()
                .unwrap()
                .iter()
                .any(|left| left == what)
                .then_some(())
        });
    }

    pub fn typed(&self) -> Vec<u8> {
        self.shared.typed.lock().unwrap().clone()
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        // So that nobody takes this process for an agent to be stopped. A real agent may have put
        // its own there.
        if inode(&self.socket) == Some(self.inode) {
            let _ = std::fs::remove_file(&self.socket);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|known| known.ino())
}

pub fn hello(api: u32) -> Value {
    json!({
        "api": api, "version": "0.1.0", "pid": 4711, "gateway_port": 7080, "instances": 1,
        "uptime_seconds": 61,
        "engine": { "product": "Docker 27", "api": "1.47", "endpoint": "unix:///docker.sock" },
    })
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let query = request.uri().query().map(str::to_owned);
    let is_exec = request.headers().contains_key("upgrade");
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let told = match (&query, body.is_empty()) {
        (Some(query), _) => Value::String(query.clone()),
        (None, true) => Value::Null,
        (None, false) => serde_json::from_slice(&body).unwrap(),
    };
    shared.seen.lock().unwrap().push((what.clone(), told));
    let known = shared.answers.lock().unwrap().get(&what).cloned();
    match known {
        Some(Answer::Json(value)) => json_of(200, &value),
        Some(Answer::Refuse(problem)) => json_of(409, &problem),
        Some(Answer::Lines(events, end)) => lines(&shared, what, events, end),
        Some(Answer::Exec(frames)) if is_exec => {
            let wants_input = serde_json::from_slice::<ExecRequest>(&body).unwrap().stdin;
            let upgrade = hyper::upgrade::on(Request::from_parts(parts, Body::empty()));
            let typed = shared.typed.clone();
            drop(shared.scope.spawn(async move {
                let io = TokioIo::new(upgrade.await.unwrap());
                exec(io, frames, typed, wants_input).await;
            }));
            let builder = Response::builder()
                .status(101)
                .header("connection", "upgrade");
            builder
                .header("upgrade", "codemate-exec")
                .body(Body::empty())
                .unwrap()
        }
        _ => json_of(
            404,
            &json!({ "code": "E_NOT_FOUND", "message": "no such instance" }),
        ),
    }
}

fn json_of(status: u16, value: &impl serde::Serialize) -> Response {
    let body = Body::from(serde_json::to_vec(value).unwrap());
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

fn lines(shared: &Shared, what: String, events: Vec<Event>, end: End) -> Response {
    let at = "2026-11-23T14:03:11Z".parse().unwrap();
    let hello = Event::Hello {
        version: "0.1.0".to_owned(),
        api: API_VERSION,
        pid: 4711,
    };
    let all: Vec<Event> = [hello].into_iter().chain(events).collect();
    let texts = all.into_iter().zip(0..).map(move |(event, seq)| {
        let envelope = Envelope {
            v: 1,
            seq,
            ts: at,
            instance: None,
            event,
        };
        // A blank line is no event.
        io::Result::Ok(Bytes::from(format!(
            "{}\n\n",
            serde_json::to_string(&envelope).unwrap()
        )))
    });
    let last = match end {
        End::Proper => stream::empty().boxed(),
        End::Cut => {
            // What was written before goes out while this waits.
            let cut = async {
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
                Err(io::Error::other("cut"))
            };
            stream::once(cut).boxed()
        }
        End::Open => {
            let left = Left {
                what,
                left: shared.left.clone(),
            };
            let never = async move {
                let _left = left;
                std::future::pending::<io::Result<Bytes>>().await
            };
            stream::once(never).boxed()
        }
    };
    let body = Body::from_stream(stream::iter(texts).chain(last));
    Response::builder()
        .header("content-type", "application/x-ndjson")
        .body(body)
        .unwrap()
}

struct Left {
    what: String,
    left: Arc<Mutex<Vec<String>>>,
}

impl Drop for Left {
    fn drop(&mut self) {
        self.left.lock().unwrap().push(self.what.clone());
    }
}

async fn exec(
    mut io: impl AsyncRead + AsyncWrite + Unpin,
    frames: Vec<ExecFrame>,
    typed: Arc<Mutex<Vec<u8>>>,
    wants_input: bool,
) {
    let mut buffer = BytesMut::new();
    let mut open = wants_input;
    while open {
        match ExecFrame::decode(&mut buffer).unwrap() {
            Some(ExecFrame::Stdin(bytes)) if bytes.is_empty() => open = false,
            Some(ExecFrame::Stdin(bytes)) => typed.lock().unwrap().extend_from_slice(&bytes),
            Some(_) => {}
            None => open = io.read_buf(&mut buffer).await.unwrap() > 0,
        }
    }
    let mut wire = BytesMut::new();
    for frame in &frames {
        frame.encode(&mut wire);
    }
    io.write_all(&wire).await.unwrap();
    // The client may have gone with the last frame.
    let _ = io.shutdown().await;
}
