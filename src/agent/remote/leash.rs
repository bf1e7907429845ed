//! What ties an open answer to the credential it was asked with: once that ends, the connection
//! breaks, whatever is going over it.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use super::rate::Place;
use crate::{gateway::Busy, security::Caller, task::Scope};

/// One connection, for as long as there is anything of it.
pub struct Line {
    cut: CancellationToken,
    /// Of requests that became something else, which go on until the connection ends.
    kept: Mutex<Vec<Held>>,
    _seat: OwnedSemaphorePermit,
    _place: Place,
}

/// One request and its answer.
pub struct Held {
    _busy: Busy,
    /// Ends the watch over the caller's credential.
    _done: Option<DropGuard>,
}

impl Line {
    pub fn new(seat: OwnedSemaphorePermit, place: Place) -> Arc<Self> {
        Arc::new(Self {
            cut: CancellationToken::new(),
            kept: Mutex::default(),
            _seat: seat,
            _place: place,
        })
    }

    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Break the connection if `caller` ends before the answer does.
    pub fn hold(&self, busy: Busy, caller: Option<&Caller>, scope: &Scope) -> Held {
        let watched = caller.cloned().map(|caller| {
            let (cut, done) = (self.cut.clone(), CancellationToken::new());
            let (over, stop) = (done.clone(), scope.clone());
            scope.spawn(async move {
                tokio::select! {
                    () = caller.ended() => cut.cancel(),
                    () = over.cancelled() => {}
                    () = cut.cancelled() => {}
                    () = stop.cancelled() => {}
                }
            });
            done.drop_guard()
        });
        Held {
            _busy: busy,
            _done: watched,
        }
    }

    pub fn keep(&self, held: Held) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(held);
    }
}

/// The connection's stream, which fails once it is cut.
pub struct Leash<S> {
    stream: S,
    line: Arc<Line>,
    reads: Pin<Box<WaitForCancellationFutureOwned>>,
    writes: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Leash<S> {
    pub fn new(stream: S, line: &Arc<Line>) -> Self {
        let waits = || Box::pin(line.cut.clone().cancelled_owned());
        Self {
            stream,
            reads: waits(),
            writes: waits(),
            line: Arc::clone(line),
        }
    }

    fn is_cut(&self) -> bool {
        self.line.cut.is_cancelled()
    }
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Leash<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut() || self.reads.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Leash<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut() || self.writes.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer's body, with what lasts as long as it.
pub struct Holding {
    body: Body,
    _held: Held,
}

impl Holding {
    pub fn body(body: Body, held: Held) -> Body {
        Body::new(Self { body, _held: held })
    }
}

impl hyper::body::Body for Holding {
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

/// Nothing a service of ours answers is an error.
pub type Served<T> = Result<T, Infallible>;
