//! The two halves of an upgraded `exec` stream.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::{ClientError, Result};
use crate::api::ExecFrame;

pub struct ExecReader {
    io: ReadHalf<reqwest::Upgraded>,
    buffer: BytesMut,
}

pub struct ExecWriter {
    io: WriteHalf<reqwest::Upgraded>,
}

pub(super) fn split(io: reqwest::Upgraded) -> (ExecReader, ExecWriter) {
    let (read, write) = tokio::io::split(io);
    (
        ExecReader {
            io: read,
            buffer: BytesMut::new(),
        },
        ExecWriter { io: write },
    )
}

impl ExecReader {
    /// The next frame. Safe to drop while it waits: nothing read is lost.
    pub async fn next(&mut self) -> Result<ExecFrame> {
        loop {
            let frame = ExecFrame::decode(&mut self.buffer)
                .map_err(|error| ClientError::Malformed(error.to_string()))?;
            if let Some(frame) = frame {
                return Ok(frame);
            }
            match self.io.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(ClientError::Cut),
                Ok(_) => {}
            }
        }
    }
}

impl ExecWriter {
    pub async fn send(&mut self, frame: &ExecFrame) -> Result<()> {
        let mut wire = BytesMut::new();
        frame.encode(&mut wire);
        self.io
            .write_all(&wire)
            .await
            .map_err(|_| ClientError::Cut)?;
        self.io.flush().await.map_err(|_| ClientError::Cut)
    }
}
