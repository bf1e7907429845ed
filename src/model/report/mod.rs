//! What is reported of an instance: events, output and problems.

pub(super) mod event;
pub(super) mod failure_kind;
pub(super) mod log_line;
pub(super) mod problem;
pub(super) mod size;
