//! The connections that come through a tunnel: each a channel, joined to the gateway.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use russh::{
    Channel, ChannelMsg, ChannelOpenFailure, ChannelReadHalf,
    client::{ChannelOpenHandle, Msg},
};
use tokio::{
    io::{AsyncWriteExt as _, copy},
    net::{TcpStream, tcp::OwnedWriteHalf},
    sync::{Semaphore, mpsc},
};

use crate::task::Scope;

/// How many connections one tunnel carries at a time. Browsers open six to a host.
const SEATS: u32 = 256;
/// Pieces of at most 32 KiB that wait for the gateway to take them.
const QUEUE: usize = 32;
/// How long a visitor may go on after the gateway has said all it has to say.
const LINGER: Duration = Duration::from_secs(60);

/// Where channels lead, and how many may.
#[derive(Clone)]
pub struct Visitors {
    target: SocketAddr,
    stall: Duration,
    seats: Arc<Semaphore>,
    scope: Scope,
}

impl Visitors {
    pub fn new(target: SocketAddr, stall: Duration, scope: Scope) -> Self {
        Self {
            target,
            stall,
            seats: Arc::new(Semaphore::new(SEATS as usize)),
            scope,
        }
    }

    /// Take one more, if there is room and the gateway is there.
    pub async fn take(&self, channel: Channel<Msg>, reply: ChannelOpenHandle) {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return;
        };
        let (visitors, scope) = (self.clone(), self.scope.clone());
        self.scope.spawn(async move {
            tokio::select! {
                () = scope.cancelled() => {}
                () = visitors.serve(channel, reply) => {}
            }
            drop(seat);
        });
    }

    /// Send all away, and wait until they are gone.
    pub async fn end(&self) {
        self.scope.cancel();
        // Every task holds a seat until its end.
        let _ = self.seats.acquire_many(SEATS).await;
    }

    async fn serve(&self, channel: Channel<Msg>, reply: ChannelOpenHandle) {
        let Ok(stream) = TcpStream::connect(self.target).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return;
        };
        let _ = stream.set_nodelay(true);
        reply.accept().await;
        let (mut from_gateway, to_gateway) = stream.into_split();
        let (from_visitor, to_visitor) = channel.split();
        let mut writer = pin!(to_visitor.make_writer());
        let (queue, queued) = mpsc::channel(QUEUE);
        let mut down = pin!(async {
            // What was read is sent even if the gateway then fails; the end is told in any case.
            let _ = copy(&mut from_gateway, &mut writer).await;
            let _ = writer.shutdown().await;
        });
        let mut up = pin!(deliver(queued, to_gateway));
        let both = async {
            tokio::select! {
                () = &mut down => drop(tokio::time::timeout(LINGER, &mut up).await),
                () = &mut up => (&mut down).await,
            }
        };
        tokio::select! {
            // The visitor is gone, or holds up the others.
            () = hear(from_visitor, queue, self.stall) => {}
            // Both directions have had their end.
            () = both => {}
        }
        let _ = to_visitor.close().await;
    }
}

/// Put what the visitor sends into the queue. Returns when the channel is closed, or stalls.
async fn hear(mut channel: ChannelReadHalf, queue: mpsc::Sender<Bytes>, stall: Duration) {
    let mut queue = Some(queue);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Some(open) = &queue {
                    match open.send_timeout(data, stall).await {
                        Ok(()) => {}
                        // The gateway reads no more, but may still answer.
                        Err(mpsc::error::SendTimeoutError::Closed(_)) => queue = None,
                        Err(mpsc::error::SendTimeoutError::Timeout(_)) => return,
                    }
                }
            }
            // It says no more, but listens.
            ChannelMsg::Eof => queue = None,
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

/// Write the queue to the gateway, and then the end of it.
async fn deliver(mut queued: mpsc::Receiver<Bytes>, mut gateway: OwnedWriteHalf) {
    while let Some(data) = queued.recv().await {
        if gateway.write_all(&data).await.is_err() {
            return;
        }
    }
    let _ = gateway.shutdown().await;
}
