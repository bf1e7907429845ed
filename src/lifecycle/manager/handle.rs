//! `Handle`: the way to the task that owns one instance, and what readers see of it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::{
    gateway::Activity,
    lifecycle::{
        Journal,
        instance::{AttemptToken, Command, environment::variables::Masking, share::Sharing},
    },
    model::TunnelStatus,
    source::Source,
    store::Record,
};

/// The way to one instance's task.
#[derive(Clone)]
pub struct Handle {
    pub mailbox: mpsc::Sender<Command>,
    pub view: watch::Receiver<Record>,
    pub tunnel: watch::Receiver<Option<TunnelStatus>>,
    pub source: Arc<dyn Source>,
    pub activity: Arc<Activity>,
    pub sharing: Arc<Sharing>,
    pub journal: Arc<Journal>,
    pub masking: Masking,
    pub attempt: AttemptToken,
}

impl Handle {
    /// Whether anything has been made for it: before that, and after a purge, there is nothing to
    /// list or to find.
    pub fn exists(&self) -> bool {
        !self.mailbox.is_closed() && self.view.borrow().generation > 0
    }

    /// Since when what it has is only kept, if it is down.
    pub fn down_since(&self) -> Option<Timestamp> {
        self.exists().then(|| self.view.borrow().down_since())?
    }
}
