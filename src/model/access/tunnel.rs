//! The nouns of tunnels: which way the world comes in, and how that way is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::model::{Problem, PublicUrl};

/// A way from the internet to the gateway. One file each in `tunnel/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TunnelKind {
    /// A fresh `trycloudflare.com` address, without an account.
    CloudflareQuick,
    /// A name under the user's own domain, through the Cloudflare API.
    Cloudflare,
    Ngrok,
    /// `ssh -R` to the server in the settings.
    Ssh,
    /// `ssh -R` to localhost.run, without an account.
    LocalhostRun,
    /// `ssh -R` to pinggy.io, without an account.
    Pinggy,
    /// Any program that opens a tunnel and prints its URL.
    Command,
    /// The user's own reverse proxy, in front of the gateway.
    Static,
}

impl TunnelKind {
    pub const ALL: [Self; 8] = [
        Self::CloudflareQuick,
        Self::Cloudflare,
        Self::Ngrok,
        Self::Ssh,
        Self::LocalhostRun,
        Self::Pinggy,
        Self::Command,
        Self::Static,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudflareQuick => "cloudflare-quick",
            Self::Cloudflare => "cloudflare",
            Self::Ngrok => "ngrok",
            Self::Ssh => "ssh",
            Self::LocalhostRun => "localhost.run",
            Self::Pinggy => "pinggy",
            Self::Command => "command",
            Self::Static => "static",
        }
    }
}

impl fmt::Display for TunnelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TunnelKind {
    type Err = BadTunnel;

    fn from_str(text: &str) -> Result<Self, BadTunnel> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| BadTunnel(text.to_owned()))
    }
}

impl TryFrom<String> for TunnelKind {
    type Error = BadTunnel;

    fn try_from(text: String) -> Result<Self, BadTunnel> {
        text.parse()
    }
}

impl From<TunnelKind> for String {
    fn from(kind: TunnelKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// What a user says about the tunnel of a preview. Saying nothing means `cloudflare-quick` where
/// `cloudflared` is installed, and none elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TunnelChoice {
    /// This host only.
    None,
    Kind(TunnelKind),
}

impl fmt::Display for TunnelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Kind(kind) => kind.fmt(f),
        }
    }
}

impl FromStr for TunnelChoice {
    type Err = BadTunnel;

    fn from_str(text: &str) -> Result<Self, BadTunnel> {
        match text {
            "none" => Ok(Self::None),
            other => other.parse().map(Self::Kind),
        }
    }
}

impl TryFrom<String> for TunnelChoice {
    type Error = BadTunnel;

    fn try_from(text: String) -> Result<Self, BadTunnel> {
        text.parse()
    }
}

impl From<TunnelChoice> for String {
    fn from(choice: TunnelChoice) -> Self {
        choice.to_string()
    }
}

/// A text that names no tunnel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tunnel: use one of none, {all}", all = names())]
pub struct BadTunnel(String);

fn names() -> String {
    TunnelKind::ALL.map(TunnelKind::as_str).join(", ")
}

/// How the tunnel of one instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TunnelState {
    /// No URL can be shown yet.
    Opening,
    Ready {
        url: PublicUrl,
        verified: Verification,
    },
    /// The last attempt failed; the next one comes after a wait.
    Waiting { problem: Problem, wait_ms: u64 },
    /// It was ready, and may become so again by itself.
    Down { url: PublicUrl, why: String },
    /// It will not be tried again by itself.
    Failed { problem: Problem },
}

impl TunnelState {
    /// The URL to show.
    pub fn url(&self) -> Option<&PublicUrl> {
        match self {
            Self::Ready { url, .. } | Self::Down { url, .. } => Some(url),
            Self::Opening | Self::Waiting { .. } | Self::Failed { .. } => None,
        }
    }
}

/// The tunnel of one instance, as of now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelStatus {
    pub kind: TunnelKind,
    #[serde(flatten)]
    pub state: TunnelState,
}

/// Whether a request came back through the tunnel from our own gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Verification {
    EndToEnd,
    Unverified { reason: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for kind in TunnelKind::ALL {
            let choice: TunnelChoice = kind.as_str().parse().unwrap();
            assert_eq!(choice, TunnelChoice::Kind(kind));
        }
        assert_eq!("none".parse(), Ok(TunnelChoice::None));
        let refused = "cloudfare".parse::<TunnelChoice>().unwrap_err();
        assert!(refused.to_string().contains("cloudflare-quick"));
    }
}
