//! `TcpDial`: an app that tests and benchmarks reach at an address of this host.

use std::{io, net::SocketAddr};

use codemate_preview::{gateway::Dial, task::BoxedIo};
use tokio::net::TcpStream;

pub struct TcpDial(pub SocketAddr);

#[async_trait::async_trait]
impl Dial for TcpDial {
    async fn dial(&self) -> io::Result<BoxedIo> {
        let stream = TcpStream::connect(self.0).await?;
        stream.set_nodelay(true)?;
        Ok(Box::pin(stream))
    }
}
