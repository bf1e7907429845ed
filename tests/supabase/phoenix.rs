//! A Realtime server of our own: Phoenix channels 2.0.0 with `postgres_changes`, and every way to
//! fail. Supabase's own client judges it in `judge.rs`.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use codemate_preview::task::Scope;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use crate::wire::{bindings, expired, passes, system};

pub const PATH: &str = "/realtime/v1/websocket";

/// How it behaves to those who come from now on.
#[derive(Clone)]
pub struct Manners {
    /// Instead of the upgrade.
    pub status: Option<u16>,
    /// The reason a join is refused for.
    pub refuses: Option<String>,
    /// Whether the `system` message comes that says changes are told.
    pub confirms: bool,
    /// What that message says instead.
    pub trouble: Option<String>,
    pub beats: bool,
}

/// What clients did.
#[derive(Default, Clone)]
pub struct Seen {
    pub queries: Vec<String>,
    pub joins: Vec<Value>,
    pub tokens: Vec<String>,
    pub beats: usize,
    pub leaves: usize,
    /// Sockets that are open now.
    pub open: usize,
}

#[derive(Clone)]
enum Order {
    Change(Value),
    Expire,
    Close,
    Cut,
}

#[derive(Clone)]
pub struct Phoenix {
    pub addr: SocketAddr,
    has_tls: bool,
    shared: Arc<Shared>,
    scope: Scope,
}

struct Shared {
    manners: Mutex<Manners>,
    seen: Mutex<Seen>,
    orders: broadcast::Sender<Order>,
}

/// One channel that was joined.
struct Joined {
    reference: Value,
    topic: String,
    bindings: Vec<Value>,
}

impl Phoenix {
    pub async fn start(scope: &Scope) -> Self {
        Self::start_with(None, scope).await
    }

    pub async fn start_with(tls: Option<TlsAcceptor>, scope: &Scope) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::accept(listener, tls, scope)
    }

    /// Where one was that was stopped.
    pub async fn start_at(addr: SocketAddr, scope: &Scope) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        Self::accept(listener, None, scope)
    }

    fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, scope: &Scope) -> Self {
        let has_tls = tls.is_some();
        let phoenix = Self {
            addr: listener.local_addr().unwrap(),
            has_tls,
            shared: Arc::new(Shared {
                manners: Mutex::new(Manners {
                    status: None,
                    refuses: None,
                    confirms: true,
                    trouble: None,
                    beats: true,
                }),
                seen: Mutex::default(),
                orders: broadcast::channel(256).0,
            }),
            scope: scope.child(),
        };
        let (shared, own) = (Arc::clone(&phoenix.shared), phoenix.scope.clone());
        scope.spawn(async move {
            loop {
                tokio::select! {
                    () = own.cancelled() => return,
                    came = listener.accept() => {
                        let (stream, _) = came.unwrap();
                        let (shared, token) = (Arc::clone(&shared), own.token());
                        let tls = tls.clone();
                        own.spawn(async move {
                            tokio::select! {
                                () = token.cancelled() => {}
                                () = admit(stream, tls, &shared) => {}
                            }
                            let mut seen = shared.seen.lock().unwrap();
                            seen.open = seen.open.saturating_sub(1);
                        });
                    }
                }
            }
        });
        phoenix
    }

    /// As if its process were killed: no socket is closed in words.
    pub fn kill(&self) {
        self.scope.cancel();
    }

    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    pub fn manners(&self) -> MutexGuard<'_, Manners> {
        self.shared.manners.lock().unwrap()
    }

    pub fn seen(&self) -> Seen {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Tell every channel whose filter lets it pass. `data` as the real server has it.
    pub fn change(&self, data: Value) {
        self.order(Order::Change(data));
    }

    /// What happens to a channel whose token has ended.
    pub fn expire(&self) {
        self.order(Order::Expire);
    }

    pub fn close(&self) {
        self.order(Order::Close);
    }

    /// End every socket without a word.
    pub fn cut(&self) {
        self.order(Order::Cut);
    }

    fn order(&self, order: Order) {
        self.shared.orders.send(order).ok();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Socket = WebSocketStream<Box<dyn Stream>>;

async fn admit(stream: TcpStream, tls: Option<TlsAcceptor>, shared: &Shared) {
    let Some(tls) = tls else {
        return serve(Box::new(stream), shared).await;
    };
    let stream = tls.accept(stream).await.unwrap();
    serve(Box::new(stream), shared).await;
}

async fn serve(stream: Box<dyn Stream>, shared: &Shared) {
    let mut orders = shared.orders.subscribe();
    let status = shared.manners.lock().unwrap().status;
    let mut query = String::new();
    #[expect(clippy::result_large_err, reason = "it is what the library takes")]
    let look = |request: &Request, response: Response| {
        request
            .uri()
            .query()
            .unwrap_or_default()
            .clone_into(&mut query);
        let found = if request.uri().path() == PATH {
            status
        } else {
            Some(404)
        };
        let Some(status) = found else {
            return Ok(response);
        };
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = status.try_into().unwrap();
        Err(refusal)
    };
    let accepted = accept_hdr_async(stream, look).await;
    {
        let mut seen = shared.seen.lock().unwrap();
        seen.queries.push(query);
        seen.open += 1;
    }
    let Ok(mut socket) = accepted else { return };
    let mut joined = None;
    loop {
        let more = tokio::select! {
            order = orders.recv() => match order {
                Ok(order) => obey(&mut socket, &mut joined, order).await,
                Err(_) => false,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    answer(&mut socket, &mut joined, &text, shared).await
                }
                Some(Ok(_)) => true,
                Some(Err(_)) | None => false,
            },
        };
        if !more {
            return;
        }
    }
}

async fn send(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.ok();
}

async fn obey(socket: &mut Socket, joined: &mut Option<Joined>, order: Order) -> bool {
    let Some(channel) = joined.as_ref() else {
        return !matches!(order, Order::Cut);
    };
    let (reference, topic) = (channel.reference.clone(), channel.topic.clone());
    match order {
        Order::Cut => return false,
        Order::Change(data) => {
            let ids: Vec<Value> = channel
                .bindings
                .iter()
                .filter(|binding| passes(binding, &data))
                .map(|binding| binding["id"].clone())
                .collect();
            if !ids.is_empty() {
                let payload = json!({ "ids": ids, "data": data });
                send(
                    socket,
                    json!([null, null, topic, "postgres_changes", payload]),
                )
                .await;
            }
        }
        Order::Expire | Order::Close => {
            if matches!(order, Order::Expire) {
                let said = "Access token has expired: Token as expired 1 seconds ago";
                let payload = system("system", "error", said, &topic);
                send(socket, json!([reference, null, topic, "system", payload])).await;
            }
            send(
                socket,
                json!([reference, reference, topic, "phx_close", {}]),
            )
            .await;
            *joined = None;
        }
    }
    true
}

async fn answer(
    socket: &mut Socket,
    joined: &mut Option<Joined>,
    text: &str,
    shared: &Shared,
) -> bool {
    let frame: Vec<Value> = serde_json::from_str(text).unwrap();
    let [reference, number, topic, event, payload] = &frame[..] else {
        panic!("a frame of vsn 2.0.0 has five parts: {text}");
    };
    let manners = shared.manners.lock().unwrap().clone();
    let reply = |status: &str, response: Value| {
        let payload = json!({ "status": status, "response": response });
        json!([reference, number, topic, "phx_reply", payload])
    };
    match event.as_str().unwrap() {
        "heartbeat" => {
            assert_eq!((topic.as_str(), reference), (Some("phoenix"), &Value::Null));
            shared.seen.lock().unwrap().beats += 1;
            if manners.beats {
                send(socket, reply("ok", json!({}))).await;
            }
        }
        "phx_join" => {
            shared.seen.lock().unwrap().joins.push(payload.clone());
            let token = payload["access_token"].as_str().unwrap_or_default();
            if let Some(reason) = manners.refuses.or_else(|| expired(token)) {
                send(socket, reply("error", json!({ "reason": reason }))).await;
                return true;
            }
            let bindings = bindings(payload);
            let response = json!({ "postgres_changes": bindings });
            send(socket, reply("ok", response)).await;
            let topic = topic.as_str().unwrap().to_owned();
            let payload = match manners.trouble {
                Some(said) => Some(system("postgres_changes", "error", &said, &topic)),
                None if manners.confirms => {
                    let said = "Subscribed to PostgreSQL";
                    Some(system("postgres_changes", "ok", said, &topic))
                }
                None => None,
            };
            if let Some(payload) = payload {
                send(socket, json!([reference, null, topic, "system", payload])).await;
            }
            *joined = Some(Joined {
                reference: reference.clone(),
                topic,
                bindings,
            });
        }
        "access_token" => {
            let token = payload["access_token"].as_str().unwrap().to_owned();
            shared.seen.lock().unwrap().tokens.push(token);
        }
        "phx_leave" => {
            shared.seen.lock().unwrap().leaves += 1;
            *joined = None;
            send(socket, reply("ok", json!({}))).await;
            send(
                socket,
                json!([reference, reference, topic, "phx_close", {}]),
            )
            .await;
        }
        other => panic!("a client does not say {other}"),
    }
    true
}
