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
    frames::{FrameDecoder, OutputStream},
    spec,
};
use crate::{
    engine::{Result, docker::Docker},
    model::InstanceId,
    task::BoxedIo,
};

impl Docker {
    pub(in crate::engine::docker) async fn link_stream(&self, id: &InstanceId) -> Result<BoxedIo> {
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
        Ok(Box::pin(DemuxedStream {
            io: attached.stream.io,
            raw: BytesMut::from(&attached.stream.first[..]),
            frames: FrameDecoder::default(),
            payload: Bytes::new(),
            id: id.clone(),
        }))
    }
}

/// Standard output to read, standard input to write; standard error goes to our own log.
struct DemuxedStream {
    io: BoxedIo,
    raw: BytesMut,
    frames: FrameDecoder,
    /// Taken out of a frame and not yet read.
    payload: Bytes,
    id: InstanceId,
}

impl AsyncRead for DemuxedStream {
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
                Some((OutputStream::Stdout, payload)) => this.payload = payload,
                Some((OutputStream::Stderr, text)) => {
                    let text = String::from_utf8_lossy(&text);
                    tracing::debug!(id = %this.id, guest = text.trim_end(), "the guest's link says");
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

impl AsyncWrite for DemuxedStream {
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
