//! `Handle`: the way to the task that owns one instance, and what readers see of it.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{
    Journal,
    instance::{Command, Epoch},
    share::Sharing,
    variables::Masking,
};
use crate::{
    gateway::Activity,
    model::TunnelNow,
    source::supabase::FollowStatus,
    store::{Intent, Record},
};

/// The way to one instance's task.
#[derive(Clone)]
pub struct Handle {
    pub mailbox: mpsc::Sender<Command>,
    pub view: watch::Receiver<Record>,
    pub tunnel: watch::Receiver<Option<TunnelNow>>,
    pub rows: watch::Receiver<Option<watch::Receiver<FollowStatus>>>,
    pub activity: Arc<Activity>,
    pub sharing: Arc<Sharing>,
    pub journal: Arc<Journal>,
    pub masking: Masking,
    pub epoch: Epoch,
}

impl Handle {
    /// Whether anything has been made for it: before that, and after a purge, there is nothing to
    /// list or to find.
    pub fn exists(&self) -> bool {
        !self.mailbox.is_closed() && self.view.borrow().generation > 0
    }

    /// Whether its user wants it down, and what it has is only kept.
    pub fn is_down(&self) -> bool {
        self.exists() && self.view.borrow().intent == Intent::Down
    }
}
