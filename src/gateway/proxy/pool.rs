//! Connections to one generation of one app, kept to be used again.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{body::UploadBody, dial::Dial};
use crate::task::BoxedIo;

/// Bounds what idles, not what is in use.
const MOST_IDLE: usize = 64;
const LONGEST_IDLE: Duration = Duration::from_mins(1);
/// Longer than a dialler holds a request for an app that is being restarted.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const LARGEST_BUFFER: usize = 256 << 10;

/// A connection to the app, driven by whoever holds it: no task of its own stands between a
/// visitor's connection and the app's, so a request costs no switch between tasks.
pub(in crate::gateway) struct Connection {
    sender: http1::SendRequest<UploadBody>,
    driver: http1::Connection<TokioIo<BoxedIo>, UploadBody>,
    /// The driver has ended and must not be polled again.
    over: bool,
    /// It has answered before, so that it may have been closed in the meantime.
    pub(super) used: bool,
    idle_since: Instant,
}

/// Why there is no connection.
#[derive(Debug)]
pub(in crate::gateway) enum Unreachable {
    Refused,
    TimedOut,
    Broken(io::Error),
}

impl Connection {
    pub(in crate::gateway) async fn open(dial: &dyn Dial) -> Result<Box<Self>, Unreachable> {
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, dial.dial()).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Unreachable::Refused);
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Unreachable::TimedOut);
            }
            Ok(Err(error)) => return Err(Unreachable::Broken(error)),
            Err(_) => return Err(Unreachable::TimedOut),
        };
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(LARGEST_BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Unreachable::Broken(io::Error::other(error)))?;
        let idle_since = Instant::now();
        Ok(Box::new(Self {
            sender,
            driver,
            over: false,
            used: false,
            idle_since,
        }))
    }

    /// Let it read and write what it can. Says whether it has ended.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.over {
            self.over = Pin::new(&mut self.driver).poll(cx).is_ready();
        }
        self.over
    }

    /// The head of the answer, and the connection its body comes over.
    pub(super) async fn send(
        mut self: Box<Self>,
        request: Request<UploadBody>,
    ) -> Result<(Response<Incoming>, Box<Self>), TrySendError<Request<UploadBody>>> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let answered = poll_fn(|cx| {
            let over = self.drive(cx);
            match answer.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending if over => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match answered {
            Some(Ok(response)) => Ok((response, self)),
            Some(Err(failure)) => Err(failure),
            None => {
                // The app closed it just now. A driver that ends before it took the request gives
                // it back when it is dropped, and not before.
                drop(self);
                Err(answer
                    .await
                    .expect_err("nothing is answered on a connection that has ended"))
            }
        }
    }

    /// The bare stream, once the app has agreed to change protocols, and what it sent of the new.
    pub(super) async fn into_stream(mut self) -> (BoxedIo, Bytes) {
        poll_fn(|cx| {
            if self.drive(cx) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let parts = self.driver.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }

    /// Whether the exchange has ended on both sides and another can follow.
    fn is_idle(&mut self) -> bool {
        !self.drive(&mut Context::from_waker(Waker::noop())) && self.sender.is_ready()
    }
}

/// In boxes, for they are large and move in and out on every request.
type Idle = Vec<Box<Connection>>;

/// Idle connections, the most recently used first, for those are the likeliest to live.
#[derive(Default)]
pub(in crate::gateway) struct Pool {
    /// `None` once closed.
    idle: Mutex<Option<Idle>>,
}

impl Pool {
    pub(in crate::gateway) fn new() -> Self {
        Self {
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// A connection that looked alive a moment ago.
    pub(in crate::gateway) async fn take(&self) -> Option<Box<Connection>> {
        loop {
            let mut connection = self.idle.lock().as_mut()?.pop()?;
            // Reading finds a close, and bytes nobody asked for; either makes it useless.
            let over = poll_fn(|cx| Poll::Ready(connection.drive(cx))).await;
            if !over
                && connection.sender.is_ready()
                && connection.idle_since.elapsed() < LONGEST_IDLE
            {
                return Some(connection);
            }
        }
    }

    /// Keep a connection whose exchange is over, if it can be used again.
    pub(super) fn put(&self, mut connection: Box<Connection>) {
        if !connection.is_idle() {
            return;
        }
        connection.used = true;
        connection.idle_since = Instant::now();
        if let Some(idle) = self.idle.lock().as_mut()
            && idle.len() < MOST_IDLE
        {
            idle.push(connection);
        }
    }

    /// Close what idles.
    pub(in crate::gateway) fn close_idle(&self) {
        let idle = self.idle.lock().as_mut().map(std::mem::take);
        drop(idle);
    }

    /// Close what idles, and what is in use as soon as it would idle.
    pub(in crate::gateway) fn close(&self) {
        let idle = self.idle.lock().take();
        drop(idle);
    }

    /// Close what has idled for too long or was closed by the app.
    pub(in crate::gateway) fn sweep(&self) {
        let mut dead = Vec::new();
        if let Some(idle) = self.idle.lock().as_mut() {
            for mut connection in std::mem::take(idle) {
                if connection.is_idle() && connection.idle_since.elapsed() < LONGEST_IDLE {
                    idle.push(connection);
                } else {
                    dead.push(connection);
                }
            }
        }
    }
}
