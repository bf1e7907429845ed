//! What a link's tasks, operations and streams have in common: who waits for which id.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use guest_api::wire::{Outcome, ToGuest};

use super::{
    broken,
    channel::{Channel, ChannelState},
    frame,
    out::{FrameSender, Queued},
    run::RunOutput,
    types::{DiskUse, InventoryEntry, Written},
};
use crate::engine::{EngineError, Result};

/// What the answer to an id is for.
pub enum PendingOperation {
    Done(oneshot::Sender<Outcome>),
    Inventory {
        entries: Vec<InventoryEntry>,
        done: oneshot::Sender<Vec<InventoryEntry>>,
    },
    Usage(oneshot::Sender<DiskUse>),
    Written(oneshot::Sender<Written>),
    /// `room` is what of its output may still come.
    Run {
        pieces: mpsc::UnboundedSender<RunOutput>,
        room: u32,
    },
    Dial {
        out: FrameSender,
        done: oneshot::Sender<Option<Channel>>,
    },
}

#[derive(Default)]
pub struct LinkState {
    next_id: u32,
    pub waiting: HashMap<u32, PendingOperation>,
    pub channels: HashMap<u32, Arc<ChannelState>>,
}

pub struct LinkShared {
    state: Mutex<LinkState>,
    out: mpsc::WeakUnboundedSender<Queued>,
    room: Arc<Semaphore>,
    gone: CancellationToken,
    reason: OnceLock<String>,
    /// A ping was sent and not answered: a frozen guest is sent no second.
    pinged: AtomicBool,
    starts: AtomicU64,
}

impl LinkShared {
    pub fn app_started(&self) {
        self.starts.fetch_add(1, Ordering::AcqRel);
    }

    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Acquire)
    }

    pub fn new(out: &FrameSender) -> Self {
        Self {
            state: Mutex::default(),
            out: out.downgrade(),
            room: out.room.clone(),
            gone: CancellationToken::new(),
            reason: OnceLock::new(),
            pinged: AtomicBool::new(false),
            starts: AtomicU64::new(0),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock()
    }

    /// A fresh id, and who is to get its answer.
    pub fn wait_for(&self, waiting: PendingOperation) -> Result<u32> {
        let mut state = self.state();
        if self.gone.is_cancelled() {
            return Err(self.lost());
        }
        loop {
            state.next_id = state.next_id.wrapping_add(1);
            let id = state.next_id;
            let taken = state.waiting.contains_key(&id) || state.channels.contains_key(&id);
            if id != 0 && !taken {
                state.waiting.insert(id, waiting);
                return Ok(id);
            }
        }
    }

    pub fn forget(&self, id: u32) {
        let forgotten = self.state().waiting.remove(&id);
        // Not under the lock: it may hold a stream, which takes it when dropped.
        drop(forgotten);
    }

    /// Sends `farewell` for an operation that is given up before its answer.
    pub fn guard(self: &Arc<Self>, id: u32, farewell: ToGuest<'static>) -> OperationGuard {
        OperationGuard {
            shared: self.clone(),
            id,
            farewell: Some(farewell),
        }
    }

    /// Send without waiting: something small that answers one of the guest's frames or ends
    /// something of ours. When nobody takes it the link is gone, and with it what it is about.
    pub fn control(&self, id: u32, message: &ToGuest<'_>) {
        if let Some(out) = self.out.upgrade() {
            let _ = out.send((frame(id, message), None));
        }
    }

    /// Whether a ping may be sent now.
    pub fn may_ping(&self) -> bool {
        !self.pinged.swap(true, Ordering::Relaxed)
    }

    pub fn ponged(&self) {
        self.pinged.store(false, Ordering::Relaxed);
    }

    /// End the link. The first reason given is the one told.
    pub fn close(&self, reason: &str) {
        let (waiting, channels) = {
            let mut state = self.state();
            let _ = self.reason.set(reason.to_owned());
            self.gone.cancel();
            self.room.close();
            (
                std::mem::take(&mut state.waiting),
                std::mem::take(&mut state.channels),
            )
        };
        for channel in channels.into_values() {
            channel.fail();
        }
        drop(waiting);
    }

    pub async fn closed(&self) {
        self.gone.cancelled().await;
    }

    pub fn lost(&self) -> EngineError {
        broken(self.reason.get().map_or("the stream ended", String::as_str))
    }
}

pub struct OperationGuard {
    shared: Arc<LinkShared>,
    id: u32,
    farewell: Option<ToGuest<'static>>,
}

impl OperationGuard {
    pub fn disarm(&mut self) {
        self.farewell = None;
    }
}

impl Drop for OperationGuard {
    fn drop(&mut self) {
        if let Some(farewell) = self.farewell.take() {
            self.shared.forget(self.id);
            self.shared.control(self.id, &farewell);
        }
    }
}
