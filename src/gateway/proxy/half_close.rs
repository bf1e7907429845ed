//! An upgraded connection of which one side has ended.
//!
//! While both sides are there, silence says nothing: a page may wait all night for a file to be
//! saved. When one has ended the other finishes what it was saying, or is forgotten.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::Instant,
};

/// What the other side may pause once one has ended.
pub(super) const PAUSE: Duration = Duration::from_mins(1);

/// What both sides of one connection have said.
pub(in crate::gateway) struct HalfClose {
    read: AtomicU64,
    ended: Notify,
}

impl HalfClose {
    pub(in crate::gateway) fn new() -> Arc<Self> {
        Arc::new(Self {
            read: AtomicU64::new(0),
            ended: Notify::new(),
        })
    }

    /// Resolves when one side has ended and the other has sent nothing for [`PAUSE`].
    pub(super) async fn timed_out(&self) {
        self.ended.notified().await;
        loop {
            let before = self.read.load(Ordering::Relaxed);
            tokio::time::sleep_until(Instant::now() + PAUSE).await;
            if self.read.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

/// One side, listened to.
pub(in crate::gateway) struct HalfCloseStream<S> {
    pub(in crate::gateway) stream: S,
    pub(super) half_close: Arc<HalfClose>,
}

impl<S: AsyncRead + Unpin> AsyncRead for HalfCloseStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        match into.filled().len() - before {
            0 => self.half_close.ended.notify_one(),
            read => {
                let read = u64::try_from(read).unwrap_or(u64::MAX);
                self.half_close.read.fetch_add(read, Ordering::Relaxed);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HalfCloseStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    fn pair() -> (HalfCloseStream<DuplexStream>, DuplexStream) {
        let (stream, far) = tokio::io::duplex(64);
        let half_close = HalfClose::new();
        (HalfCloseStream { stream, half_close }, far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_one_may_be_silent() {
        let (half, _far) = pair();
        let all_night = Duration::from_hours(8);
        let timed_out = tokio::time::timeout(all_night, half.half_close.timed_out()).await;
        assert!(timed_out.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_may_go_on_talking_but_not_be_silent() {
        let (mut half, mut far) = pair();
        half.half_close.ended.notify_one();
        let half_close = Arc::clone(&half.half_close);
        let start = Instant::now();
        let talk = async {
            for _ in 0..10 {
                tokio::time::sleep(PAUSE / 2).await;
                far.write_u8(0).await.unwrap();
                half.read_u8().await.unwrap();
            }
        };
        tokio::join!(talk, half_close.timed_out());
        assert!((PAUSE * 6..=PAUSE * 7).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_noticed() {
        let (mut half, far) = pair();
        drop(far);
        assert_eq!(half.read(&mut [0]).await.unwrap(), 0);
        let start = Instant::now();
        half.half_close.timed_out().await;
        assert_eq!(start.elapsed(), PAUSE);
    }
}
