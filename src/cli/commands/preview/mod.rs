//! Commands that start and stop a preview, or show what it does.

pub(in crate::cli) mod attach;
pub(in crate::cli) mod down;
pub(in crate::cli) mod events;
pub(in crate::cli) mod exec;
pub(in crate::cli) mod logs;
pub(in crate::cli) mod ls;
pub(in crate::cli) mod open;
pub(in crate::cli) mod restart;
pub(in crate::cli) mod status;
pub(in crate::cli) mod up;
pub(in crate::cli) mod url;
pub(in crate::cli) mod wait;
