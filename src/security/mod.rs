//! What this agent will and will not do: the only door to the engine, and who holds a key to a
//! preview's.

mod abilities;
mod egress;
pub mod firewall;
mod grant;
mod limits;
mod policy;

pub use abilities::Abilities;
pub use egress::{EgressError, granted as granted_egress, presets as egress_presets};
pub use grant::{Minted, cookie_digest, cookie_of, link_digest, mint};
pub use limits::{LimitRequest, limits};
pub use policy::{Approved, Policy, PolicyError};
