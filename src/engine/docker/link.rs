//! The stream to the guest's multiplexer: an exec whose frames are taken off.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bollard::models::ExecConfig;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::{
    Docker,
    frames::{Frames, Stream},
    spec,
};
use crate::{
    engine::{BoxedIo, Result},
    model::InstanceId,
};

impl Docker {
    pub(super) async fn link_stream(&self, id: &InstanceId) -> Result<BoxedIo> {
        let client = self.client().await?;
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            // A terminal would change bytes.
            tty: Some(false),
            cmd: Some(vec![spec::GUEST.to_owned(), "link".to_owned()]),
            user: None,
            working_dir: Some("/".to_owned()),
            ..ExecConfig::default()
        };
        let attached = self.attach(&client, id, config).await?;
        Ok(Box::pin(Unframed {
            io: attached.stream.io,
            raw: BytesMut::from(&attached.stream.first[..]),
            frames: Frames::default(),
            payload: Bytes::new(),
            id: id.clone(),
        }))
    }
}

/// Standard output to read, standard input to write; standard error goes to our own log.
struct Unframed {
    io: BoxedIo,
    raw: BytesMut,
    frames: Frames,
    /// Taken out of a frame and not yet read.
    payload: Bytes,
    id: InstanceId,
}

impl AsyncRead for Unframed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.payload.has_remaining() {
                let piece = this
                    .payload
                    .split_to(this.payload.len().min(into.remaining()));
                into.put_slice(&piece);
                return Poll::Ready(Ok(()));
            }
            match this.frames.next(&mut this.raw) {
                Some((Stream::Stdout, payload)) => this.payload = payload,
                Some((Stream::Stderr, told)) => {
                    let told = String::from_utf8_lossy(&told);
                    tracing::debug!(id = %this.id, guest = told.trim_end(), "the guest's link says");
                }
                None => {
                    this.raw.reserve(64 << 10);
                    if ready!(poll_read_buf(this.io.as_mut(), cx, &mut this.raw))? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Unframed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
