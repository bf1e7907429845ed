//! What this agent will and will not do: the only door to the engine.

mod abilities;
pub mod firewall;
mod limits;
mod policy;

pub use abilities::Abilities;
pub use limits::{LimitRequest, limits};
pub use policy::{Approved, Policy, PolicyError};
