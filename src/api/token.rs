//! Tokens for the API over TCP: made, listed and revoked at the socket only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Secret;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTokenRequest {
    #[serde(default)]
    pub note: String,
    /// May change things, beside looking at them.
    #[serde(default)]
    pub manage: bool,
    /// An instance's id or name, for a token that reaches no other.
    #[serde(default)]
    pub instance: Option<String>,
    /// May name directories of this host as projects.
    #[serde(default)]
    pub local_dirs: bool,
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// The only answer that ever holds a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTokenView {
    pub token: Secret,
    #[serde(flatten)]
    pub about: TokenView,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    pub id: String,
    pub note: String,
    pub manage: bool,
    /// The one instance it reaches; all of them if there is none.
    pub instance: Option<String>,
    pub local_dirs: bool,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensView {
    pub tokens: Vec<TokenView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeTokenRequest {
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedTokenView {
    pub id: String,
    /// Whether there was such a token.
    pub changed: bool,
}
