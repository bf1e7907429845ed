//! `TimeoutIo`: how long a connection may say nothing, or not take what it is sent.
//!
//! One clock for all of it, in the stream itself: the HTTP library's own header timeout begins
//! only after the protocol was told from the first bytes, does not tell a slow header from an
//! idle connection, and makes a timer for every request.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::stall_budget::StallBudget;

/// From the first byte of a request, or from the connection, to the end of its header.
const HEADER: Duration = Duration::from_secs(10);
/// Between the end of one answer and the first byte of the next request.
const IDLE: Duration = Duration::from_secs(75);

/// What the requests of one connection tell its clock.
#[derive(Debug, Default)]
pub struct RequestCounter {
    open: AtomicUsize,
    begun: AtomicUsize,
    /// Many requests share it, so bytes between requests need not begin one.
    multiplexed: AtomicBool,
}

impl RequestCounter {
    /// The clock stands still while the guard lives.
    pub fn begin(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        InFlight(Arc::clone(self))
    }
}

/// A request of a connection, from its header to the end of the answer.
pub struct InFlight(Arc<RequestCounter>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose reading and writing fail with [`io::ErrorKind::TimedOut`] after the timeout.
pub struct TimeoutIo<S> {
    stream: S,
    requests: Arc<RequestCounter>,
    deadline: Instant,
    /// May ring before the deadline, never after: setting it anew for every request would cost
    /// more than an early ring does.
    timer: Pin<Box<Sleep>>,
    /// How many requests had begun when `deadline` was set.
    seen: usize,
    /// Part of a header was read.
    in_header: bool,
    /// How long the visitor may take to read what is written.
    budget: StallBudget,
}

impl<S> TimeoutIo<S> {
    pub fn new(stream: S, requests: Arc<RequestCounter>) -> Self {
        let deadline = Instant::now() + HEADER;
        let timer = Box::pin(tokio::time::sleep_until(deadline));
        Self {
            stream,
            requests,
            deadline,
            timer,
            seen: 0,
            in_header: false,
            budget: StallBudget::default(),
        }
    }

    /// What came of writing, unless the visitor has not read for too long.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.budget.credit(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                ready!(self.budget.poll_exhausted(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }

    fn is_busy(&self) -> bool {
        self.requests.open.load(Ordering::Relaxed) > 0
    }

    fn on_read(&mut self) {
        let begun = self.requests.begun.load(Ordering::Relaxed);
        let continues = self.in_header && self.seen == begun;
        if continues || (begun > 0 && self.requests.multiplexed.load(Ordering::Relaxed)) {
            return;
        }
        self.in_header = true;
        self.seen = begun;
        self.deadline = Instant::now() + HEADER;
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_busy() {
            return Poll::Pending;
        }
        let begun = self.requests.begun.load(Ordering::Relaxed);
        if self.seen != begun {
            self.seen = begun;
            self.in_header = false;
            self.deadline = Instant::now() + IDLE;
        }
        if self.timer.deadline() > self.deadline {
            let deadline = self.deadline;
            self.timer.as_mut().reset(deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= self.deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let deadline = self.deadline;
            self.timer.as_mut().reset(deadline);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimeoutIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.poll_timeout(cx),
            ready @ Poll::Ready(_) => {
                if buf.filled().len() > before && !self.is_busy() {
                    self.on_read();
                }
                ready
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimeoutIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.poll_written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    fn pair() -> (Arc<RequestCounter>, TimeoutIo<DuplexStream>, DuplexStream) {
        let (near, far) = tokio::io::duplex(64);
        let requests = Arc::new(RequestCounter::default());
        (Arc::clone(&requests), TimeoutIo::new(near, requests), far)
    }

    /// How long a read that nobody answers takes to fail.
    async fn timeout(stream: &mut TimeoutIo<DuplexStream>) -> Duration {
        let start = Instant::now();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_byte_is_owed() {
        let (_requests, mut stream, _far) = pair();
        assert_eq!(timeout(&mut stream).await, HEADER);
    }

    #[tokio::test(start_paused = true)]
    async fn dripping_a_header_gains_nothing() {
        let (_requests, mut stream, mut far) = pair();
        far.write_u8(b'G').await.unwrap();
        stream.read_u8().await.unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
        far.write_u8(b'E').await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(timeout(&mut stream).await, Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answered_connection_may_idle_longer() {
        let (requests, mut stream, mut far) = pair();
        far.write_u8(b'G').await.unwrap();
        stream.read_u8().await.unwrap();
        let in_flight = requests.begin(false);
        let waited = tokio::time::timeout(Duration::from_secs(999), stream.read_u8()).await;
        assert!(waited.is_err(), "no clock runs while a request is open");
        drop(in_flight);
        assert_eq!(timeout(&mut stream).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_has_to_be_read() {
        let (requests, mut stream, mut far) = pair();
        let _busy = requests.begin(false);
        let start = Instant::now();
        let error = stream.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), crate::http_server::stall_budget::MOST);
        far.read_exact(&mut [0; 64]).await.unwrap();
        stream.write_all(&[0; 64]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_between_multiplexed_requests_begin_no_header() {
        let (requests, mut stream, mut far) = pair();
        drop(requests.begin(true));
        far.write_u8(b'P').await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(timeout(&mut stream).await, IDLE);
    }
}
