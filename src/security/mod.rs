//! What this agent will and will not do, and for whom: the approval that every start takes, what callers
//! have to prove, and who holds a key to a preview's.

mod abilities;
mod caller;
mod egress;
pub mod firewall;
mod grant;
mod jwt;
mod limits;
mod owners;
mod policy;
mod token;

pub use abilities::Abilities;
pub use caller::{Caller, CallerKind, Reach, Right, Scopes};
pub use egress::{EgressError, granted as granted_egress, presets as egress_presets};
pub use grant::{Minted, cookie_digest, cookie_of, link_digest, mint};
pub use jwt::{JwtAlg, JwtError, JwtKeys, JwtRules, LEAST_SECRET, SKEW, Subject};
pub use limits::{LimitRequest, limits};
pub use owners::OwnerRules;
pub use policy::{Approved, Policy, PolicyError};
pub use token::{NewToken, TOKEN_PREFIX, new_token, token_hash};
