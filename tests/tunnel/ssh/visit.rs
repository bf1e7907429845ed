//! Visitors of a tunnel: connections to its public end.

use std::net::SocketAddr;

use codemate_preview::model::PublicUrl;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::world::PATIENCE;

pub fn address(url: &PublicUrl) -> SocketAddr {
    format!("{}:{}", url.host(), url.port()).parse().unwrap()
}

/// The body of a request.
pub async fn get(to: SocketAddr, path: &str) -> String {
    let all = exchange(
        to,
        &format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"),
    )
    .await;
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or_default();
    assert!(head.starts_with("HTTP/1.1 200"), "{all}");
    body.to_owned()
}

/// All that comes back until the other side ends.
async fn exchange(to: SocketAddr, text: &str) -> String {
    let whole = async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        all
    };
    timeout(PATIENCE, whole).await.expect("no answer in time")
}

/// What comes until `end` is in it; the connection stays open.
pub async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    let whole = async {
        while !String::from_utf8_lossy(&all).contains(end) {
            let got = stream.read_buf(&mut all).await.unwrap();
            assert!(got > 0, "it ended: {}", String::from_utf8_lossy(&all));
        }
    };
    timeout(PATIENCE, whole).await.expect("no answer in time");
    String::from_utf8_lossy(&all).into_owned()
}

/// A request that leaves its connection open.
pub async fn request(to: SocketAddr, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream
        .write_all(format!("{head}\r\nHost: shop.test\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream
}
