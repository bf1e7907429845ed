//! A kept connection that the app closes at each moment between two requests.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use codemate_preview::{
    gateway::{Dial, Target},
    model::ProxyHost,
    task::BoxedIo,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::world::{World, soon};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers one request, then is found open so many times and closed ever after.
struct Closing {
    left: usize,
    written: usize,
    answered: bool,
}

impl AsyncRead for Closing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.written > 0 && !self.answered {
            self.answered = true;
            into.put_slice(OK);
            return Poll::Ready(Ok(()));
        }
        if !self.answered || self.left > 0 {
            self.left -= usize::from(self.answered);
            // A close that comes later tells whoever waits for it.
            if self.written != 1 {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Closing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written += 1;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Closes(usize);

#[async_trait::async_trait]
impl Dial for Closes {
    async fn dial(&self) -> io::Result<BoxedIo> {
        Ok(Box::pin(Closing {
            left: self.0,
            written: 0,
            answered: false,
        }))
    }
}

/// Wherever it falls: before the connection is taken, between that and the request, and after it.
#[tokio::test]
async fn a_request_is_answered_whenever_the_kept_connection_closes() {
    for after in 0..24 {
        let world = World::new();
        world.target(Target::Ready {
            dial: Arc::new(Closes(after)),
            port: 1,
            host: ProxyHost::Preserve,
            forwarded_host: false,
            generation: 1,
        });
        for round in 0..3 {
            let (parts, text) = soon(world.ask(world.get("/"))).await;
            assert_eq!(
                (parts.status.as_u16(), text.as_str()),
                (200, "ok"),
                "{after} {round}"
            );
        }
        let post = world.request("POST", "/", super::world::full("body"));
        let (parts, _) = soon(world.ask(post)).await;
        // None of it was sent, or nobody knows; but an answer there is.
        assert!(matches!(parts.status.as_u16(), 200 | 502), "{after}");
    }
}
