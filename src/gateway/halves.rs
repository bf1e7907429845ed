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
pub(super) const PAUSE: Duration = Duration::from_secs(60);

/// What both sides of one connection have said.
pub(super) struct Halves {
    read: AtomicU64,
    ended: Notify,
}

impl Halves {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            read: AtomicU64::new(0),
            ended: Notify::new(),
        })
    }

    /// Resolves when one side has ended and the other has said nothing for too long.
    pub(super) async fn forgotten(&self) {
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
pub(super) struct Half<S> {
    pub(super) stream: S,
    pub(super) halves: Arc<Halves>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Half<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        match into.filled().len() - before {
            0 => self.halves.ended.notify_one(),
            read => {
                let read = u64::try_from(read).unwrap_or(u64::MAX);
                self.halves.read.fetch_add(read, Ordering::Relaxed);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Half<S> {
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

    fn pair() -> (Half<DuplexStream>, DuplexStream) {
        let (stream, far) = tokio::io::duplex(64);
        let halves = Halves::new();
        (Half { stream, halves }, far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_one_may_be_silent() {
        let (half, _far) = pair();
        let all_night = Duration::from_secs(8 * 3600);
        let forgotten = tokio::time::timeout(all_night, half.halves.forgotten()).await;
        assert!(forgotten.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_may_go_on_talking_but_not_be_silent() {
        let (mut half, mut far) = pair();
        half.halves.ended.notify_one();
        let halves = Arc::clone(&half.halves);
        let start = Instant::now();
        let talk = async {
            for _ in 0..10 {
                tokio::time::sleep(PAUSE / 2).await;
                far.write_u8(0).await.unwrap();
                half.read_u8().await.unwrap();
            }
        };
        tokio::join!(talk, halves.forgotten());
        assert!((PAUSE * 6..=PAUSE * 7).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_noticed() {
        let (mut half, far) = pair();
        drop(far);
        assert_eq!(half.read(&mut [0]).await.unwrap(), 0);
        let start = Instant::now();
        half.halves.forgotten().await;
        assert_eq!(start.elapsed(), PAUSE);
    }
}
