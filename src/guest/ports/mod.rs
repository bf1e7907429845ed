//! The app's ports: which are listened on, and connections relayed to them.

pub(super) mod channel_io;
pub(super) mod poll_schedule;
pub(super) mod proc_net;
pub(super) mod relay;
pub(super) mod watcher;
