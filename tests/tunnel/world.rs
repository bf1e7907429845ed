//! What every test here has: a door that stands for the gateway, and waiting for a condition.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
    routing::{any, get},
};
use bytes::Bytes;
use codemate_preview::{
    model::{InstanceId, PublicUrl},
    task::Scope,
    tunnel::{Challenge, TunnelEndpoint},
};
use futures_util::stream;
use hyper_util::rt::TokioIo;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A server on loopback in the gateway's place: answers challenges, and says what it saw.
///
/// `/…` echoes method, path, host and body; `/sse` sends three events and then waits;
/// `/socket` upgrades and echoes bytes.
#[derive(Clone)]
pub struct Door {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<String, String>>,
    shown: Mutex<Vec<PublicUrl>>,
    scope: Scope,
}

impl Door {
    pub async fn open(scope: &Scope) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self {
            addr: listener.local_addr().unwrap(),
            shared: Arc::new(Shared {
                scope: scope.child(),
                ..Shared::default()
            }),
        };
        let router = Router::new()
            .route("/.well-known/codemate/{nonce}", get(answer))
            .route("/sse", get(events))
            .route("/socket", get(socket))
            .fallback(any(echo))
            .with_state(Arc::clone(&door.shared));
        let token = scope.token();
        scope.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(token.cancelled_owned())
                .await
        });
        door
    }

    /// Every URL that was shown, in order.
    pub fn shown(&self) -> Vec<PublicUrl> {
        self.shared.shown.lock().unwrap().clone()
    }
}

impl TunnelEndpoint for Door {
    fn show(&self, url: &PublicUrl) {
        self.shared.shown.lock().unwrap().push(url.clone());
    }

    fn challenge(&self) -> Challenge {
        let mut answers = self.shared.answers.lock().unwrap();
        let nonce = format!("nonce-{}", answers.len());
        let answer = format!("answer-{:p}-{}", Arc::as_ptr(&self.shared), answers.len());
        answers.insert(nonce.clone(), answer.clone());
        Challenge {
            path: format!("/.well-known/codemate/{nonce}"),
            answer,
        }
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(nonce): Path<String>,
) -> Result<String, StatusCode> {
    let answers = shared.answers.lock().unwrap();
    answers.get(&nonce).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn echo(request: Request) -> String {
    let (parts, body) = request.into_parts();
    let host = parts
        .headers
        .get("host")
        .map_or("", |host| host.to_str().unwrap())
        .to_owned();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8_lossy(&body);
    format!("{} {} at {host}: {body}", parts.method, parts.uri.path())
}

async fn events() -> Response {
    let three = (0..3).map(|n| Ok::<_, Infallible>(Bytes::from(format!("data: {n}\n\n"))));
    let then_silent = futures_util::StreamExt::chain(stream::iter(three), stream::pending());
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(then_silent))
        .unwrap()
}

async fn socket(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let upgrade = hyper::upgrade::on(request);
    let token = shared.scope.token();
    shared.scope.spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        tokio::select! {
            () = token.cancelled() => {}
            _ = tokio::io::copy(&mut read, &mut write) => {}
        }
    });
    Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "echo")
        .body(Body::empty())
        .unwrap()
}

/// Poll until `found` finds something.
#[track_caller]
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(it) = found() {
            return it;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for: {what}");
}

/// Run a test on a runtime of its own, and end all that it spawned.
pub fn block_on<F: Future<Output = ()>>(test: impl FnOnce(Scope) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let scope = Scope::new();
        test(scope.clone()).await;
        assert!(scope.close(Duration::from_secs(20)).await, "left running");
    });
}

pub fn an_id() -> InstanceId {
    "0123456789ab".parse().unwrap()
}
