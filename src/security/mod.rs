//! What this agent will and will not do, and for whom: the only door to the engine, and what
//! callers have to prove.

mod caller;
mod jwt;
mod limits;
mod policy;
mod token;

pub use caller::{Caller, CallerKind, Reach, Right, Scopes};
pub use jwt::{JwtAlg, JwtError, JwtKeys, JwtRules, LEAST_SECRET, SKEW, Subject};
pub use limits::{LimitRequest, limits};
pub use policy::{Approved, Policy, PolicyError};
pub use token::{NewToken, TOKEN_PREFIX, new_token, token_hash};
