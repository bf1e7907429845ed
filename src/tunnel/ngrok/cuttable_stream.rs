//! `CuttableStream`: the connection under a session, which can be cut from outside and is counted.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use ngrok::session::IoStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::task_tracker::TaskTrackerToken,
};

/// The crate closes a session by a message and leaves the connection to the server, ignores missed
/// heartbeats, and may finish a reconnect after the session was closed. Cutting the stream is how a
/// session ends for certain.
pub struct CuttableStream {
    stream: Option<Box<dyn IoStream>>,
    /// One each, for reading and writing are done by different tasks.
    cut: [Pin<Box<WaitForCancellationFutureOwned>>; 2],
    _counted: TaskTrackerToken,
}

const READING: usize = 0;
const WRITING: usize = 1;

impl CuttableStream {
    pub fn new(
        stream: Box<dyn IoStream>,
        cut: &CancellationToken,
        counted: TaskTrackerToken,
    ) -> Self {
        let waiting = || Box::pin(cut.clone().cancelled_owned());
        Self {
            stream: Some(stream),
            cut: [waiting(), waiting()],
            _counted: counted,
        }
    }

    /// The stream, unless it was cut; then it is closed here and now.
    fn stream(&mut self, side: usize, cx: &mut Context<'_>) -> Option<Pin<&mut Box<dyn IoStream>>> {
        if self.cut[side].as_mut().poll(cx).is_ready() {
            self.stream = None;
        }
        self.stream.as_mut().map(Pin::new)
    }
}

fn is_cut<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.stream(READING, cx) {
            Some(stream) => stream.poll_read(cx, buffer),
            None => is_cut(),
        }
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.stream(WRITING, cx) {
            Some(stream) => stream.poll_write(cx, bytes),
            None => is_cut(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream(WRITING, cx) {
            Some(stream) => stream.poll_flush(cx),
            None => is_cut(),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream(WRITING, cx) {
            Some(stream) => stream.poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_util::task::TaskTracker;

    use super::*;

    #[tokio::test]
    async fn cut_it_wakes_who_reads_and_closes_what_is_below() {
        let (near, mut far) = tokio::io::duplex(64);
        let (cut, tracker) = (CancellationToken::new(), TaskTracker::new());
        let mut stream = CuttableStream::new(Box::new(near), &cut, tracker.token());
        stream.write_all(b"hello").await.unwrap();
        let (mut read, _write) = tokio::io::split(stream);
        let reading = async { read.read_u8().await };
        let cutting = async {
            tokio::task::yield_now().await;
            cut.cancel();
        };
        let (read, ()) = tokio::join!(reading, cutting);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"hello", "the other end sees it closed");
        assert_eq!(tracker.len(), 1, "it is counted until it is dropped");
    }
}
