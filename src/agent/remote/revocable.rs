//! `RevocableStream`: closes a connection when a credential that was used on it expires or is
//! revoked.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use crate::{
    http_server::{InFlight, PerIpPermit},
    security::Caller,
    task::Scope,
};

/// The state of one connection, which lives as long as the connection.
pub struct ConnectionState {
    revoked: CancellationToken,
    /// Guards of upgraded requests, which last until the connection ends.
    upgraded: Mutex<Vec<RequestGuard>>,
    _slot: OwnedSemaphorePermit,
    _permit: PerIpPermit,
}

/// One request and its answer.
pub struct RequestGuard {
    _in_flight: InFlight,
    /// Ends the watch over the caller's credential.
    _done: Option<DropGuard>,
}

impl ConnectionState {
    pub fn new(slot: OwnedSemaphorePermit, permit: PerIpPermit) -> Arc<Self> {
        Arc::new(Self {
            revoked: CancellationToken::new(),
            upgraded: Mutex::default(),
            _slot: slot,
            _permit: permit,
        })
    }

    pub async fn revoked(&self) {
        self.revoked.cancelled().await;
    }

    /// Watch a caller's credential, and close the connection if it ends before the answer does.
    pub fn watch(
        &self,
        in_flight: InFlight,
        caller: Option<&Caller>,
        scope: &Scope,
    ) -> RequestGuard {
        let watched = caller.cloned().map(|caller| {
            let (revoked, done) = (self.revoked.clone(), CancellationToken::new());
            let (over, stop) = (done.clone(), scope.clone());
            scope.spawn(async move {
                tokio::select! {
                    () = caller.ended() => revoked.cancel(),
                    () = over.cancelled() => {}
                    () = revoked.cancelled() => {}
                    () = stop.cancelled() => {}
                }
            });
            done.drop_guard()
        });
        RequestGuard {
            _in_flight: in_flight,
            _done: watched,
        }
    }

    pub fn keep_upgraded(&self, guard: RequestGuard) {
        self.upgraded.lock().push(guard);
    }
}

/// The connection's stream, whose reads and writes fail once it is revoked.
pub struct RevocableStream<S> {
    stream: S,
    connection_state: Arc<ConnectionState>,
    reads: Pin<Box<WaitForCancellationFutureOwned>>,
    writes: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> RevocableStream<S> {
    pub fn new(stream: S, connection_state: &Arc<ConnectionState>) -> Self {
        let waits = || Box::pin(connection_state.revoked.clone().cancelled_owned());
        Self {
            stream,
            reads: waits(),
            writes: waits(),
            connection_state: Arc::clone(connection_state),
        }
    }

    fn is_revoked(&self) -> bool {
        self.connection_state.revoked.is_cancelled()
    }
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for RevocableStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_revoked() || self.reads.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RevocableStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_revoked() || self.writes.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_revoked() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A response body with the guard of its request.
pub struct BodyWithGuard {
    body: Body,
    _guard: RequestGuard,
}

impl BodyWithGuard {
    pub fn body(body: Body, guard: RequestGuard) -> Body {
        Body::new(Self {
            body,
            _guard: guard,
        })
    }
}

impl hyper::body::Body for BodyWithGuard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The result of a service that never fails.
pub type ServiceResult<T> = Result<T, Infallible>;
