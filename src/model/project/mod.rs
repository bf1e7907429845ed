//! What is known of a project: its settings, and the plan that detection makes of it.

pub(super) mod options;
pub(super) mod plan;
pub(super) mod proxy_host;
