//! What a user's choice of a tunnel comes to on this host.

use super::{Tools, cloudflared};
use crate::{
    config::credentials::CLOUDFLARE_TOKEN,
    model::{TunnelChoice, TunnelKind},
};

/// A tunnel, or none, and what the user should know about that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedChoice {
    pub kind: Option<TunnelKind>,
    pub notice: Option<Notice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing was chosen and nothing is there by itself.
    LocalOnly,
    /// A quick tunnel stands in for a named one.
    FreshUrl,
}

impl Notice {
    /// One line, without a full stop.
    pub fn text(self) -> &'static str {
        match self {
            Self::LocalOnly => {
                "there is no public URL: install `cloudflared`, or choose a tunnel with `--tunnel`"
            }
            Self::FreshUrl => {
                "no Cloudflare account is set up, so the URL will be another each time: see \
                 `tunnels.cloudflare` in the user's settings"
            }
        }
    }
}

pub(super) fn choose(choice: Option<TunnelChoice>, tools: &Tools) -> ResolvedChoice {
    let plain = |kind| ResolvedChoice { kind, notice: None };
    match choice {
        Some(TunnelChoice::None) => plain(None),
        Some(TunnelChoice::Kind(TunnelKind::Cloudflare)) if !has_account(tools) => ResolvedChoice {
            kind: Some(TunnelKind::CloudflareQuick),
            notice: Some(Notice::FreshUrl),
        },
        Some(TunnelChoice::Kind(kind)) => plain(Some(kind)),
        None if cloudflared::find(tools).is_ok() => plain(Some(TunnelKind::CloudflareQuick)),
        None => ResolvedChoice {
            kind: None,
            notice: Some(Notice::LocalOnly),
        },
    }
}

/// Whether anyone began to set one up; what is missing then is an error and no reason for another
/// kind of tunnel.
fn has_account(tools: &Tools) -> bool {
    let settings = &tools.settings.cloudflare;
    let token = settings.token_file.is_some() || tools.credentials.get(CLOUDFLARE_TOKEN).is_some();
    token || settings.account.is_some() || settings.zone.is_some() || settings.domain.is_some()
}
