//! The way out of a link: one queue, in order, with room for so many bytes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use guest_api::wire::CHUNK;

/// Bytes under way to the writer; what offers more waits. Little enough that a relayed request is
/// not held up for long behind a large file.
const ROOM: usize = 4 * CHUNK;

/// A frame, and the room it takes until it is written.
pub type Queued = (Bytes, Option<OwnedSemaphorePermit>);

/// The stream ends with the last of these.
#[derive(Clone)]
pub struct FrameSender {
    queue: mpsc::UnboundedSender<Queued>,
    pub room: Arc<Semaphore>,
}

/// The link is gone.
pub struct LinkClosed;

impl FrameSender {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (queue, taken) = mpsc::unbounded_channel();
        (
            Self {
                queue,
                room: Arc::new(Semaphore::new(ROOM)),
            },
            taken,
        )
    }

    pub async fn send(&self, frame: Bytes) -> Result<(), LinkClosed> {
        let len = u32::try_from(frame.len().min(ROOM)).map_err(|_| LinkClosed)?;
        let permit = self
            .room
            .clone()
            .acquire_many_owned(len)
            .await
            .map_err(|_| LinkClosed)?;
        self.offer(frame, Some(permit))
    }

    /// In order, but without waiting: for what has its room already, and for frames that are small
    /// and answer one of the guest's or end something of ours.
    pub fn offer(
        &self,
        frame: Bytes,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), LinkClosed> {
        self.queue.send((frame, permit)).map_err(|_| LinkClosed)
    }

    pub fn downgrade(&self) -> mpsc::WeakUnboundedSender<Queued> {
        self.queue.downgrade()
    }
}
