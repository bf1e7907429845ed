//! The public side of the edge: leads visitors to the endpoints of the hosts they ask for.

use std::{io, net::SocketAddr, sync::Arc};

use muxado::typed::StreamType;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::Shared;

pub async fn take(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let (visitor, from) = listener.accept().await.unwrap();
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        super::spawn(async move {
            let mut first = [0];
            let is_tls = visitor.peek(&mut first).await.is_ok() && first[0] == 0x16;
            let _ = if is_tls {
                match tls.accept(visitor).await {
                    Ok(visitor) => lead(&shared, visitor, from).await,
                    Err(error) => Err(error),
                }
            } else {
                lead(&shared, visitor, from).await
            };
        });
    }
}

/// Join a visitor and the endpoint of the host it asks for.
async fn lead(
    shared: &Shared,
    mut visitor: impl AsyncRead + AsyncWrite + Unpin,
    from: SocketAddr,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if visitor.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let host = text.lines().find_map(|line| line.strip_prefix("host:"));
    let host = host.unwrap_or_default().trim();
    let host = host.split(':').next().unwrap_or_default();
    let found = shared.endpoints.lock().unwrap().get(host).cloned();
    let Some(endpoint) = found else {
        let answer = "HTTP/1.1 404 Not Found\r\nngrok-error-code: ERR_NGROK_3200\r\n\
                      connection: close\r\ncontent-length: 0\r\n\r\n";
        return visitor.write_all(answer.as_bytes()).await;
    };
    let kind = StreamType::clamp(3);
    let opened = endpoint.open.lock().await.open_typed(kind).await;
    let mut stream = opened.map_err(io::Error::other)?;
    let header = json!({
        "Id": endpoint.id,
        "ClientAddr": from.to_string(),
        "Proto": "https",
        "EdgeType": "0",
        "PassthroughTLS": false,
    })
    .to_string();
    stream
        .write_i64_le(i64::try_from(header.len()).unwrap())
        .await?;
    stream.write_all(header.as_bytes()).await?;
    stream.write_all(&head).await?;
    tokio::io::copy_bidirectional(&mut visitor, &mut *stream).await?;
    Ok(())
}
