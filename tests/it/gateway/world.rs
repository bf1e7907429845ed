//! An app, a gateway before it, and a visitor.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use codemate_preview::{
    gateway::{
        AccessPolicy, Activity, Dial as _, Gateway, Ports, PublicDeny, PublicListener,
        PublicListeners, Route, Routes, Target,
    },
    model::{Name, OpenPort, PortKind, ProxyHost, PublicAccess, Shares},
    task::{BoxedIo, Scope},
};
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    client::conn::http1::SendRequest,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};

use crate::help::tcp_dial::TcpDial;

pub type Body = UnsyncBoxBody<Bytes, Infallible>;
pub type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// A body whose frames are sent one by one.
pub fn fed() -> (mpsc::UnboundedSender<Frame<Bytes>>, Body) {
    let (feed, mut frames) = mpsc::unbounded_channel::<Frame<Bytes>>();
    let frames = stream::poll_fn(move |cx| frames.poll_recv(cx).map(|frame| frame.map(Ok)));
    (feed, StreamBody::new(frames).boxed_unsync())
}

pub fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// Everything of a test; what it started ends with it.
pub struct World {
    pub scope: Scope,
    pub routes: Routes,
    pub entrances: PublicListeners,
    pub activity: Arc<Activity>,
    pub port: u16,
    pub served: JoinHandle<()>,
    /// What is found at ports of `shop` that are asked for by their number.
    pub ports: Arc<Listening>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

impl World {
    pub fn new() -> Self {
        let scope = Scope::new();
        let routes = Routes::new();
        let gateway = Gateway::bind(Some(0)).unwrap();
        let port = gateway.port();
        let entrances = PublicListeners::new(routes.clone(), port, &scope);
        let served = {
            let entrances = entrances.clone();
            scope.spawn(async move { gateway.serve(&entrances).await.unwrap() })
        };
        Self {
            scope,
            routes,
            entrances,
            activity: Activity::new(),
            port,
            served,
            ports: Arc::default(),
        }
    }

    /// A world in which `app` is the preview `shop`.
    pub async fn with(
        app: impl Fn(Request<Incoming>) -> Answer + Send + Sync + 'static,
    ) -> (Self, App) {
        let world = Self::new();
        let app = App::start(&world.scope, app).await;
        world.show(app.port, ProxyHost::Preserve, 1);
        (world, app)
    }

    /// Let `shop` be the app at `port`.
    pub fn show(&self, port: u16, host: ProxyHost, generation: u64) {
        self.target(ready(port, host, generation));
    }

    pub fn target(&self, target: Target) {
        self.deny(target, &[]);
    }

    /// Let `shop` be that, with these paths for nobody outside.
    pub fn deny(&self, target: Target, globs: &[&str]) {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        let public_deny = PublicDeny::new(&globs);
        self.set("shop", "0123456789ab", target, public_deny);
    }

    /// A preview beside `shop`.
    pub fn route(&self, name: &str, target: Target) {
        self.set(name, "ba9876543210", target, PublicDeny::none());
    }

    fn set(&self, name: &str, id: &str, target: Target, public_deny: Arc<PublicDeny>) {
        let route = Route {
            id: id.parse().unwrap(),
            target,
            activity: Arc::clone(&self.activity),
            public_deny,
            ports: Arc::clone(&self.ports) as Arc<dyn Ports>,
        };
        // Of any name that a record may have.
        let name = Name::try_from(name.to_owned()).unwrap();
        self.routes.set(name, route);
    }

    /// An entrance for `shop`, at which these URLs are shown.
    pub fn entrance(&self, urls: &[&str]) -> PublicListener {
        self.entrance_by(&open(), urls)
    }

    /// The same, for those this gate lets in.
    pub fn entrance_by(&self, gate: &Arc<AccessPolicy>, urls: &[&str]) -> PublicListener {
        let name = "shop".parse().unwrap();
        let entrance = self.entrances.open(&name, None, gate).unwrap();
        for url in urls {
            entrance.add_origin(&url.parse().unwrap());
        }
        entrance
    }

    /// An entrance at a port that others may share; 0 is a free one.
    pub fn shared(&self, name: &str, port: u16, url: &str) -> PublicListener {
        self.shared_by(&open(), name, port, url)
    }

    /// The same, for those this gate lets in.
    pub fn shared_by(
        &self,
        gate: &Arc<AccessPolicy>,
        name: &str,
        port: u16,
        url: &str,
    ) -> PublicListener {
        let name = name.parse().unwrap();
        let entrance = self.entrances.open(&name, Some(port), gate).unwrap();
        entrance.add_origin(&url.parse().unwrap());
        entrance
    }

    pub fn host(&self) -> String {
        format!("shop.localhost:{}", self.port)
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    pub async fn visitor(&self) -> SendRequest<Body> {
        self.visitor_at(self.port).await
    }

    pub async fn visitor_at(&self, port: u16) -> SendRequest<Body> {
        let io = TokioIo::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        self.scope.spawn(async move { connection.await.ok() });
        sender
    }

    pub fn get(&self, path: &str) -> Request<Body> {
        self.request("GET", path, full(""))
    }

    pub fn request(&self, method: &str, path: &str, body: Body) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.host());
        request.body(body).unwrap()
    }

    /// One request on a connection of its own, and its whole answer.
    pub async fn ask(&self, request: Request<Body>) -> (http::response::Parts, String) {
        let response = self.visitor().await.send_request(request).await.unwrap();
        read(response).await
    }

    /// Bytes as they are, and everything that comes back until the gateway closes.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The gateway may have answered and closed before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Ports of an instance: what is reached at each, or why nothing is.
#[derive(Default)]
pub struct Listening(Mutex<BTreeMap<u16, Result<u16, io::ErrorKind>>>);

impl Listening {
    /// Let `port` be what listens at `at` on this host, or be refused so.
    pub fn set(&self, port: u16, at: Result<u16, io::ErrorKind>) {
        self.0.lock().unwrap().insert(port, at);
    }
}

#[async_trait]
impl Ports for Listening {
    fn open(&self) -> Vec<OpenPort> {
        let all = self.0.lock().unwrap();
        let open = |(port, at): (&u16, &Result<u16, io::ErrorKind>)| OpenPort {
            port: *port,
            loopback: false,
            kind: match at {
                Err(io::ErrorKind::PermissionDenied) => Some(PortKind::Debugger),
                _ => None,
            },
        };
        all.iter().map(open).collect()
    }

    async fn dial(&self, port: u16) -> io::Result<BoxedIo> {
        let at = self.0.lock().unwrap().get(&port).copied();
        let at = at.unwrap_or(Err(io::ErrorKind::ConnectionRefused))?;
        TcpDial(([127, 0, 0, 1], at).into()).dial().await
    }
}

/// A gate that is open to everyone.
pub fn open() -> Arc<AccessPolicy> {
    let gate = AccessPolicy::new("0123456789ab".parse().unwrap(), &[]);
    gate.update(&Shares {
        public: Some(PublicAccess { expires: None }),
        grants: Vec::new(),
        ..Shares::default()
    });
    gate
}

pub fn ready(port: u16, host: ProxyHost, generation: u64) -> Target {
    Target::Ready {
        dial: Arc::new(TcpDial(([127, 0, 0, 1], port).into())),
        port,
        host,
        forwarded_host: false,
        generation,
    }
}

/// One request with a host of the visitor's choice, and its whole answer.
pub async fn visit(
    entrance: &PublicListener,
    host: &str,
    mut request: Request<Body>,
) -> (http::response::Parts, String) {
    request.headers_mut().insert("host", host.parse().unwrap());
    let stream = TcpStream::connect(entrance.addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let (_, response) = tokio::join!(connection, async {
        let response = sender.send_request(request).await.unwrap();
        drop(sender);
        read(response).await
    });
    response
}

/// Bytes as they are, and everything that comes back.
pub async fn raw(entrance: &PublicListener, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(entrance.addr()).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

pub async fn read(response: Response<Incoming>) -> (http::response::Parts, String) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The next piece of a body, as text.
pub async fn next(body: &mut Incoming) -> String {
    let frame = soon(body.frame()).await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

/// Fails a test that would otherwise hang.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it never happened")
}

/// An app that speaks HTTP/1.1.
pub struct App {
    pub port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    closed: mpsc::UnboundedReceiver<()>,
}

impl App {
    pub async fn start(
        scope: &Scope,
        app: impl Fn(Request<Incoming>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (closing, closed) = mpsc::unbounded_channel();
        let this = Self {
            port,
            connections,
            requests,
            closed,
        };
        let (connections, requests) = (Arc::clone(&this.connections), Arc::clone(&this.requests));
        let (app, inner) = (Arc::new(app), scope.clone());
        let accept = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (app, requests, closing) =
                    (Arc::clone(&app), Arc::clone(&requests), closing.clone());
                let service = service_fn(move |request| {
                    requests.fetch_add(1, Ordering::SeqCst);
                    let answer = app(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                inner.spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades();
                    let _ = connection.await;
                    let _ = closing.send(());
                });
            }
        };
        let token = scope.token();
        scope.spawn(async move { token.run_until_cancelled(accept).await });
        this
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Resolves when a connection has ended.
    pub async fn closed(&mut self) {
        soon(self.closed.recv()).await.unwrap();
    }
}

/// An app that says its request back: method, target, then each header on a line, then the body.
pub fn mirror(request: Request<Incoming>) -> Answer {
    Box::pin(async move {
        let (parts, body) = request.into_parts();
        let mut text = format!("{} {}\n", parts.method, parts.uri);
        for (name, value) in &parts.headers {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        match body.collect().await {
            Ok(body) => {
                text.push('\n');
                text.push_str(&String::from_utf8_lossy(&body.to_bytes()));
            }
            Err(_) => text.push_str("\n(broken)"),
        }
        Response::new(full(text))
    })
}

/// An app that says `hello`, once the request is whole.
pub fn hello(request: Request<Incoming>) -> Answer {
    Box::pin(async move {
        let _ = request.into_body().collect().await;
        Response::new(full("hello"))
    })
}
