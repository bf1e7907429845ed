//! What this agent will and will not do: the only door to the engine.

mod egress;
pub mod firewall;
mod limits;
mod policy;

pub use egress::{EgressError, granted as granted_egress, presets as egress_presets};
pub use limits::{LimitRequest, limits};
pub use policy::{Approved, Policy, PolicyError};
