//! The TCP connection under an ssh session: when it was last heard from, and its certain end.

use std::{
    io,
    net::Shutdown,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Our hold on a connection that the session owns. Dropped, it cuts it.
///
/// The session's own keepalive is not enough: while it waits to write to a peer that reads no more,
/// it looks at no timer.
pub struct Wire {
    socket: std::net::TcpStream,
    heard: Arc<Heard>,
    gone: CancellationToken,
}

/// When the last byte came.
struct Heard(Mutex<Instant>);

/// The connection, as the session has it.
pub struct Watched {
    inner: TcpStream,
    heard: Arc<Heard>,
    _gone: DropGuard,
}

impl Wire {
    pub fn new(stream: TcpStream) -> io::Result<(Self, Watched)> {
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        let heard = Arc::new(Heard(Mutex::new(Instant::now())));
        let gone = CancellationToken::new();
        let watched = Watched {
            inner: TcpStream::from_std(stream)?,
            heard: Arc::clone(&heard),
            _gone: gone.clone().drop_guard(),
        };
        let wire = Self {
            socket,
            heard,
            gone,
        };
        Ok((wire, watched))
    }

    /// Resolves once nothing uses the connection any more.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Resolves when nothing was heard for `limit`.
    pub async fn silent(&self, limit: Duration) {
        loop {
            let until = self.heard.at() + limit;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// End it, and wait for the session to notice.
    pub async fn cut(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.gone().await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Heard {
    fn at(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.now();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
