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
    server::conn::http1::{self, UpgradeableConnection},
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
    origin_policy::{PolicyRefusal, RequestSender, add_cors_headers},
    revocable::{BodyWithGuard, ConnectionState, RevocableStream, ServiceResult},
};
use crate::{
    agent::{
        audit::{AuditEntry, Via},
        routes::AppState,
    },
    http_server::{RequestCounter, TimeoutIo, ip_prefix, until_drained},
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

/// What all connections of the API over TCP share.
pub struct RemoteContext {
    pub remote: Remote,
    pub router: Router,
    pub state: AppState,
}

/// Why a request gets no further.
enum RequestRefusal {
    Policy(PolicyRefusal),
    /// No credential, or one that is worth nothing.
    Unknown,
    /// Too many of those, or of this caller's.
    TooMany(Duration),
}

pub async fn serve<S>(
    context: Arc<RemoteContext>,
    stream: S,
    from: IpAddr,
    connection_state: Arc<ConnectionState>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let requests = Arc::new(RequestCounter::default());
    let stream = RevocableStream::new(
        TimeoutIo::new(stream, Arc::clone(&requests)),
        &connection_state,
    );
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let (context, connection_state) = (Arc::clone(&context), Arc::clone(&connection_state));
        let requests = Arc::clone(&requests);
        async move {
            ServiceResult::Ok(answer(&context, &connection_state, &requests, from, request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // `TimeoutIo` keeps this time.
        .header_read_timeout(None)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let ended = tokio::select! {
        ended = until_drained(connection, UpgradeableConnection::graceful_shutdown, &context.state.scope) => ended,
        () = connection_state.revoked() => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the API broke");
    }
}

async fn answer(
    context: &RemoteContext,
    connection_state: &ConnectionState,
    requests: &Arc<RequestCounter>,
    from: IpAddr,
    request: Request<Incoming>,
) -> Response {
    let in_flight = requests.begin(false);
    let (parts, body) = request.into_parts();
    let origin_policy = context.remote.origin_policy.check(&parts);
    let sender = origin_policy.as_ref().ok().cloned();
    let admitted = match origin_policy {
        Ok(RequestSender::Preflight(_)) => context.count_unauthenticated(from).map(|()| None),
        Ok(_) => context.authorize(&parts, from).await.map(Some),
        Err(bad) => Err(context
            .count_unauthenticated(from)
            .err()
            .unwrap_or(RequestRefusal::Policy(bad))),
    };
    let (mut response, guard) = match admitted {
        Ok(Some(caller)) => {
            let guard = connection_state.watch(in_flight, Some(&caller), &context.state.scope);
            (context.forward(parts, body, caller, from).await, guard)
        }
        Ok(None) => {
            let guard = connection_state.watch(in_flight, None, &context.state.scope);
            (StatusCode::NO_CONTENT.into_response(), guard)
        }
        Err(refused) => {
            context.audit_refusal(&refused, &parts, from);
            let guard = connection_state.watch(in_flight, None, &context.state.scope);
            let mut response = refused.into_response();
            // The connection is closed, so that others can have its slot.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            (response, guard)
        }
    };
    add_cors_headers(response.headers_mut(), sender.as_ref());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        connection_state.keep_upgraded(guard);
        return response;
    }
    response.map(|body| BodyWithGuard::body(body, guard))
}

impl RemoteContext {
    /// Count a request without a valid credential.
    fn count_unauthenticated(&self, from: IpAddr) -> Result<(), RequestRefusal> {
        let name = ip_prefix(from).to_string();
        self.remote
            .unauthenticated
            .take(&name)
            .map_err(RequestRefusal::TooMany)
    }

    async fn authorize(&self, parts: &Parts, from: IpAddr) -> Result<Caller, RequestRefusal> {
        let Some(caller) = self.authenticate(parts).await else {
            self.count_unauthenticated(from)?;
            return Err(RequestRefusal::Unknown);
        };
        let name = caller.to_string();
        self.remote
            .rate_limit
            .take(&name)
            .map_err(RequestRefusal::TooMany)?;
        Ok(caller)
    }

    async fn authenticate(&self, parts: &Parts) -> Option<Caller> {
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
            return None;
        };
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        if token.starts_with(TOKEN_PREFIX) {
            return self.state.tokens.caller(token);
        }
        let subject = match self.remote.users.as_ref()?.check(token).await {
            Ok(subject) => subject,
            Err(error) => {
                tracing::debug!(%error, "a JWT is refused");
                return None;
            }
        };
        let token = Secret::new(token);
        self.state.manager.set_user_token(&subject.id, &token);
        Some(Caller::owner(subject.id, subject.expires))
    }

    async fn forward(
        &self,
        parts: Parts,
        body: Incoming,
        caller: Caller,
        from: IpAddr,
    ) -> Response {
        let mut request = Request::from_parts(parts, TimedBody::body(body));
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(Via::Tcp(from));
        let mut router = self.router.clone();
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// What is refused for coming too often is not written, or it would push out what matters.
    fn audit_refusal(&self, refused: &RequestRefusal, parts: &Parts, from: IpAddr) {
        let status = match refused {
            RequestRefusal::Policy(bad) => bad.status(),
            RequestRefusal::Unknown => StatusCode::UNAUTHORIZED,
            RequestRefusal::TooMany(_) => return,
        };
        tracing::warn!(%from, method = parts.method.as_str(), status = status.as_u16(), "a request over TCP is refused");
        self.state.audit.write(&AuditEntry {
            via: Via::Tcp(from),
            caller: "-",
            method: parts.method.as_str(),
            route: "-",
            instance: None,
            status: status.as_u16(),
        });
    }
}

impl IntoResponse for RequestRefusal {
    fn into_response(self) -> Response {
        let respond = |status: StatusCode, code, message: String, hint: &str| {
            let problem = Problem::new(code, message).hint(hint);
            (status, Json(problem)).into_response()
        };
        match self {
            Self::Policy(bad) => {
                let hint = "see `[api]` in the settings of the agent's host";
                respond(bad.status(), Code::Policy, bad.to_string(), hint)
            }
            Self::Unknown => {
                let message = "no credential that is good here".to_owned();
                let hint = "send `Authorization: Bearer` with a token of `token new`";
                let status = StatusCode::UNAUTHORIZED;
                let mut response = respond(status, Code::Credential, message, hint);
                let scheme = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
                response
            }
            Self::TooMany(wait) => {
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
struct TimedBody {
    body: Incoming,
    timeout: Pin<Box<Sleep>>,
}

impl TimedBody {
    fn body(body: Incoming) -> Body {
        let timeout = Box::pin(tokio::time::sleep(BODY));
        Body::new(Limited::new(Self { body, timeout }, LARGEST_BODY))
    }
}

impl hyper::body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.timeout.as_mut().poll(cx).is_ready() => {
                let timeout = std::io::Error::from(std::io::ErrorKind::TimedOut);
                Poll::Ready(Some(Err(axum::Error::new(timeout))))
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
