//! `Dial`: how the gateway gets a byte stream to an app; lifecycle says how, the gateway when.

use std::{io, net::SocketAddr, pin::Pin};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

pub trait AsyncReadWrite: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> AsyncReadWrite for T {}

pub type Stream = Pin<Box<dyn AsyncReadWrite>>;

/// A way to one port of one instance. [`io::ErrorKind::ConnectionRefused`] means that nothing
/// listens there; every other error, that the instance could not be reached.
#[async_trait]
pub trait Dial: Send + Sync {
    async fn dial(&self) -> io::Result<Stream>;
}

/// Straight to an address, for an app this host can reach over TCP.
#[derive(Debug, Clone, Copy)]
pub struct TcpDial(pub SocketAddr);

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(self.0).await?;
        stream.set_nodelay(true)?;
        Ok(Box::pin(stream))
    }
}
