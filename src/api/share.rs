//! Who may visit previews from outside: links, and leave for everyone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{GrantId, InstanceId, Lifetime, Name, PublicUrl, Secret};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharesView {
    pub shares: Vec<ShareView>,
}

/// Of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareView {
    pub instance: InstanceId,
    pub name: Name,
    /// Whether everyone who knows the URL may visit it.
    pub public: bool,
    /// When that ends; absent if it does not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_until: Option<Timestamp>,
    /// Ports that may be visited besides the app's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<u16>,
    pub links: Vec<LinkView>,
}

/// A link as far as it can be shown: what opens the preview is known to its holders alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    pub id: GrantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub state: LinkState,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Good,
    Expired,
    Revoked,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLinkRequest {
    /// For people: whom it is for.
    #[serde(default)]
    pub label: Option<String>,
    /// As the user's settings have it when not given.
    #[serde(default)]
    pub expires: Option<Lifetime>,
}

/// Shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLinkView {
    pub name: Name,
    pub link: Secret,
    pub id: GrantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What opens a public URL, for whoever runs the preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLinkView {
    pub name: Name,
    pub url: PublicUrl,
    /// Absent where the URL alone does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Secret>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeRequest {
    /// Empty with `all` takes every one.
    #[serde(default)]
    pub links: Vec<GrantId>,
    #[serde(default)]
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedView {
    /// Those that were good and are not any more.
    pub revoked: Vec<GrantId>,
}
