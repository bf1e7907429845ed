//! The task that writes a link's frames, in the order they were offered.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use guest_api::wire::{CHUNK, ToGuest};

use super::{frame, out::Queued, shared::LinkShared};
use crate::task::Scope;

const PING: Duration = Duration::from_secs(5);
const BATCH: usize = 64;

pub async fn run<W: AsyncWrite + Unpin>(
    mut to: W,
    mut queue: mpsc::UnboundedReceiver<Queued>,
    shared: Arc<LinkShared>,
    scope: Scope,
) {
    let work = write(&mut to, &mut queue, &shared);
    let reason = tokio::select! {
        result = work => match result {
            Ok(()) => "it was closed".to_owned(),
            Err(error) => error.to_string(),
        },
        () = shared.closed() => return,
        () = scope.cancelled() => "the agent is stopping".to_owned(),
    };
    shared.close(&reason);
}

/// Runs until nobody can offer frames any more.
async fn write<W: AsyncWrite + Unpin>(
    to: &mut W,
    queue: &mut mpsc::UnboundedReceiver<Queued>,
    shared: &LinkShared,
) -> std::io::Result<()> {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut frames, mut buffer) = (Vec::with_capacity(BATCH), Vec::with_capacity(CHUNK));
    loop {
        tokio::select! {
            first = queue.recv() => match first {
                Some(first) => frames.push(first),
                None => return to.shutdown().await,
            },
            _ = ping.tick() => if shared.may_ping() {
                frames.push((frame(0, &ToGuest::Ping {}), None));
            },
        }
        while frames.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            frames.push(next);
        }
        // The room a frame takes is free again once it is written or copied.
        for (frame, _room) in frames.drain(..) {
            if !buffer.is_empty() && buffer.len() + frame.len() > CHUNK {
                to.write_all(&buffer).await?;
                buffer.clear();
            }
            if frame.len() > CHUNK {
                to.write_all(&frame).await?;
            } else {
                buffer.extend_from_slice(&frame);
            }
        }
        to.write_all(&buffer).await?;
        buffer.clear();
        to.flush().await?;
    }
}
