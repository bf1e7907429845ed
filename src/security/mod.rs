//! What this agent will and will not do: the only door to the engine.

pub mod firewall;
mod limits;
mod policy;

pub use limits::{LimitRequest, limits};
pub use policy::{Approved, Policy, PolicyError};
