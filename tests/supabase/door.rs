//! The one address of a Supabase project: Realtime's sockets go to the one server behind it, all
//! else to the gateway.

use std::{io, net::SocketAddr};

use codemate_preview::task::Scope;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::{gate::Gate, phoenix};

#[derive(Clone, Copy)]
pub struct Door {
    port: u16,
    gate: u16,
    realtime: SocketAddr,
}

impl Door {
    pub async fn open(gate: &Gate, realtime: SocketAddr, scope: &Scope) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self {
            port: listener.local_addr().unwrap().port(),
            gate: gate.port,
            realtime,
        };
        let own = scope.child();
        scope.spawn(async move {
            loop {
                tokio::select! {
                    () = own.cancelled() => return,
                    came = listener.accept() => {
                        let (stream, _) = came.unwrap();
                        let token = own.token();
                        own.spawn(async move {
                            tokio::select! {
                                () = token.cancelled() => {}
                                // Either side may end a connection as it likes.
                                _ = door.pass(stream) => {}
                            }
                        });
                    }
                }
            }
        });
        door
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A connection is for the one or the other all its life: clients open one of its own for each
    /// socket.
    async fn pass(self, mut stream: TcpStream) -> io::Result<()> {
        let socket = format!("GET {}", phoenix::PATH);
        // No request is shorter than this.
        let mut start = vec![0; socket.len()];
        stream.read_exact(&mut start).await?;
        let mut onward = if start == socket.as_bytes() {
            TcpStream::connect(self.realtime).await?
        } else {
            TcpStream::connect(("127.0.0.1", self.gate)).await?
        };
        // What is small is not to wait for more.
        stream.set_nodelay(true)?;
        onward.set_nodelay(true)?;
        onward.write_all(&start).await?;
        copy_bidirectional(&mut stream, &mut onward).await?;
        Ok(())
    }
}
