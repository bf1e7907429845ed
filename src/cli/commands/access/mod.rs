//! Commands about who may reach a preview, and the agent, from elsewhere.

pub(in crate::cli) mod share;
pub(in crate::cli) mod token;
pub(in crate::cli) mod tunnel;
