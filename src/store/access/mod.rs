//! What is private to the agent's user: credentials, tokens, links, secrets, sessions.

mod credentials;
mod grants;
mod secrets;
mod tokens;
mod user_session;

pub use secrets::{InstanceSecrets, SetSecret};
pub use tokens::TokenRecord;
