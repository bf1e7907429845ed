//! The ports of an instance: which something listens on, and what answers there.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPort {
    pub port: u16,
    /// It listens on a loopback address only, so nothing but the guest's relay reaches it.
    pub loopback: bool,
    /// `None` while nobody has asked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PortKind>,
}

/// What answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortKind {
    Http,
    /// HTTP over TLS alone.
    Https,
    /// Whoever reaches it can run what they like: no visitor is let there.
    Debugger,
    /// It speaks no HTTP.
    Other,
    /// Of a newer version.
    #[serde(other)]
    Unknown,
}

/// The host name that an app answers to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServedHost {
    /// The preview's own, as far as is known.
    #[default]
    Own,
    /// `localhost`, and not the preview's own.
    Localhost,
    /// None that it was asked by: its answer says so.
    Neither,
}

/// An app's answer to the request that it was found to be ready by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppAnswer {
    pub port: u16,
    pub status: u16,
    /// It is HTML, or leads elsewhere: something to look at.
    #[serde(default)]
    pub page: bool,
    /// The port speaks TLS alone.
    #[serde(default)]
    pub tls: bool,
    /// Which host name it was visited by, and whether it serves that.
    #[serde(default)]
    pub host: ServedHost,
}

impl AppAnswer {
    /// Whether a visitor gets what they came for, or is asked who they are.
    pub fn is_fine(&self) -> bool {
        self.host != ServedHost::Neither && matches!(self.status, 200..=399 | 401 | 403)
    }
}
