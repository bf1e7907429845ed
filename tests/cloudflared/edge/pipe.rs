//! Bytes between a stream of HTTP/2 and a pair of reader and writer.

use std::io;

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Send what is read, to its end.
pub async fn outward(
    mut from: impl AsyncRead + Unpin,
    mut to: SendStream<Bytes>,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    while from.read_buf(&mut buffer).await? > 0 {
        let sent = to.send_data(buffer.split().freeze(), false);
        sent.map_err(io::Error::other)?;
    }
    to.send_data(Bytes::new(), true).map_err(io::Error::other)
}

/// Write what is received, to its end.
pub async fn inward(mut from: RecvStream, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    while let Some(chunk) = next(&mut from).await? {
        to.write_all(&chunk).await?;
    }
    to.shutdown().await
}

/// What comes next; `None` at the end.
pub async fn next(from: &mut RecvStream) -> io::Result<Option<Bytes>> {
    let Some(chunk) = from.data().await else {
        return Ok(None);
    };
    let chunk = chunk.map_err(io::Error::other)?;
    let released = from.flow_control().release_capacity(chunk.len());
    released.map_err(io::Error::other)?;
    Ok(Some(chunk))
}

pub async fn all(mut from: RecvStream) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(chunk) = next(&mut from).await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}
