//! One connection: who asks is found out for each of its requests, before any of it is acted on.

use std::{
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header, request::Parts};
use http_body_util::Limited;
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::pin::Pin;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Sleep,
};
use tower_service::Service;

use super::{
    Remote,
    browser::{BadManners, Sender, dress},
    leash::{Holding, Leash, Line, Served},
    rate::neighbour,
};
use crate::{
    agent::{
        audit::{Entry, Via},
        routes::House,
    },
    gateway::{Patient, Requests},
    model::{Code, Problem, Secret},
    security::{Caller, TOKEN_PREFIX},
};

const MOST_HEADERS: usize = 64;
/// Of a request's head, bytes.
const LARGEST_HEAD: usize = 32 << 10;
/// Of a request's body, bytes.
const LARGEST_BODY: usize = 2 << 20;
/// For the whole of it to come.
const BODY: Duration = Duration::from_secs(30);
/// How long open requests may take to end once the agent stops.
const DRAIN: Duration = Duration::from_secs(3);

/// What every connection leads into.
pub struct Hall {
    pub remote: Remote,
    pub router: Router,
    pub house: House,
}

/// Why a request gets no further.
enum Refused {
    Manners(BadManners),
    /// No credential, or one that is worth nothing.
    Unknown,
    /// Too many of those, or of this caller's.
    Often(Duration),
}

pub async fn serve<S>(hall: Arc<Hall>, stream: S, from: IpAddr, line: Arc<Line>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let requests = Arc::new(Requests::default());
    let stream = Leash::new(Patient::new(stream, Arc::clone(&requests)), &line);
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let (hall, line) = (Arc::clone(&hall), Arc::clone(&line));
        let requests = Arc::clone(&requests);
        async move { Served::Ok(answer(&hall, &line, &requests, from, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // `Patient` keeps this time.
        .header_read_timeout(None)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = line.cut() => return,
        () = hall.house.scope.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the API broke");
    }
}

async fn answer(
    hall: &Hall,
    line: &Line,
    requests: &Arc<Requests>,
    from: IpAddr,
    request: Request<Incoming>,
) -> Response {
    let busy = requests.begin(false);
    let (parts, body) = request.into_parts();
    let manners = hall.remote.manners.check(&parts);
    let sender = manners.as_ref().ok().cloned();
    let admitted = match manners {
        Ok(Sender::Preflight(_)) => hall.stranger(from).map(|()| None),
        Ok(_) => hall.admit(&parts, from).await.map(Some),
        Err(bad) => Err(hall.stranger(from).err().unwrap_or(Refused::Manners(bad))),
    };
    let (mut response, held) = match admitted {
        Ok(Some(caller)) => {
            let held = line.hold(busy, Some(&caller), &hall.house.scope);
            (hall.pass(parts, body, caller, from).await, held)
        }
        Ok(None) => {
            let held = line.hold(busy, None, &hall.house.scope);
            (StatusCode::NO_CONTENT.into_response(), held)
        }
        Err(refused) => {
            hall.note(&refused, &parts, from);
            let held = line.hold(busy, None, &hall.house.scope);
            let mut response = refused.into_response();
            // Its place is for somebody else.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            (response, held)
        }
    };
    dress(response.headers_mut(), sender.as_ref());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        line.keep(held);
        return response;
    }
    response.map(|body| Holding::body(body, held))
}

impl Hall {
    /// Count a request that proves nothing.
    fn stranger(&self, from: IpAddr) -> Result<(), Refused> {
        let name = neighbour(from).to_string();
        self.remote.strangers.take(&name).map_err(Refused::Often)
    }

    async fn admit(&self, parts: &Parts, from: IpAddr) -> Result<Caller, Refused> {
        let Some(caller) = self.who(parts).await else {
            self.stranger(from)?;
            return Err(Refused::Unknown);
        };
        let name = caller.to_string();
        self.remote.rates.take(&name).map_err(Refused::Often)?;
        Ok(caller)
    }

    async fn who(&self, parts: &Parts) -> Option<Caller> {
        let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (given, None) = (given.next()?.to_str().ok()?, given.next()) else {
            return None;
        };
        let (scheme, token) = given.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        if token.starts_with(TOKEN_PREFIX) {
            return self.house.tokens.caller(token);
        }
        let subject = match self.remote.users.as_ref()?.check(token).await {
            Ok(subject) => subject,
            Err(error) => {
                tracing::debug!(%error, "a JWT is refused");
                return None;
            }
        };
        let owners = self.house.manager.supabase().owners();
        owners.called(&subject.id, Secret::new(token));
        Some(Caller::owner(subject.id, subject.expires))
    }

    async fn pass(&self, parts: Parts, body: Incoming, caller: Caller, from: IpAddr) -> Response {
        let mut request = Request::from_parts(parts, Timed::body(body));
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(Via::Tcp(from));
        let mut router = self.router.clone();
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// What is refused for coming too often is not written, or it would push out what matters.
    fn note(&self, refused: &Refused, parts: &Parts, from: IpAddr) {
        let status = match refused {
            Refused::Manners(bad) => bad.status(),
            Refused::Unknown => StatusCode::UNAUTHORIZED,
            Refused::Often(_) => return,
        };
        self.house.audit.write(&Entry {
            via: Via::Tcp(from),
            caller: "-",
            method: parts.method.as_str(),
            route: "-",
            instance: None,
            status: status.as_u16(),
        });
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let told = |status: StatusCode, code, message: String, hint: &str| {
            let problem = Problem::new(code, message).hint(hint);
            (status, Json(problem)).into_response()
        };
        match self {
            Self::Manners(bad) => {
                let hint = "see `[api]` in the settings of the agent's host";
                told(bad.status(), Code::Policy, bad.to_string(), hint)
            }
            Self::Unknown => {
                let message = "no credential that is good here".to_owned();
                let hint = "send `Authorization: Bearer` with a token of `token new`";
                let status = StatusCode::UNAUTHORIZED;
                let mut response = told(status, Code::Credential, message, hint);
                let scheme = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
                response
            }
            Self::Often(wait) => {
                let seconds = wait.as_secs() + 1;
                let problem = Problem::new(Code::Policy, "too many requests")
                    .hint(format!("wait {seconds}s"))
                    .retryable();
                let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(problem)).into_response();
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
        }
    }
}

/// A request's body that has to come in time.
struct Timed {
    body: Incoming,
    late: Pin<Box<Sleep>>,
}

impl Timed {
    fn body(body: Incoming) -> Body {
        let late = Box::pin(tokio::time::sleep(BODY));
        Body::new(Limited::new(Self { body, late }, LARGEST_BODY))
    }
}

impl hyper::body::Body for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.late.as_mut().poll(cx).is_ready() => {
                let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                Poll::Ready(Some(Err(axum::Error::new(late))))
            }
            polled => polled.map_err(axum::Error::new),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
