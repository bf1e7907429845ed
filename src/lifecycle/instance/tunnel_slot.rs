//! `TunnelSlot`: the tunnel of one instance, or that there is none.

use tokio::sync::watch;

use crate::{
    gateway::PublicListener,
    model::{PublicUrl, TunnelKind, TunnelState, TunnelStatus},
    tunnel::{Challenge, Tunnel, TunnelEndpoint},
};

/// The tunnel that there is.
#[derive(Default)]
pub(in crate::lifecycle) enum TunnelSlot {
    #[default]
    Closed,
    Open(Box<OpenTunnel>),
}

pub(in crate::lifecycle) struct OpenTunnel {
    pub(super) tunnel: Tunnel,
    /// What readers see of it; goes on when the tunnel has failed.
    pub(super) states: watch::Receiver<TunnelState>,
}

/// The gateway's end of it. Dropped with its last holder, which is the tunnel.
pub(super) struct GatewayEndpoint(pub(super) PublicListener);

impl TunnelEndpoint for GatewayEndpoint {
    fn show(&self, url: &PublicUrl) {
        self.0.add_origin(url);
    }

    fn challenge(&self) -> Challenge {
        let asked = self.0.challenge();
        Challenge {
            path: asked.path,
            answer: asked.answer,
        }
    }
}

impl TunnelSlot {
    pub(super) fn state(&self) -> Option<TunnelStatus> {
        match self {
            Self::Closed => None,
            Self::Open(open) => Some(TunnelStatus {
                kind: open.tunnel.kind,
                state: open.states.borrow().clone(),
            }),
        }
    }

    /// The URL to show with the local one.
    pub(in crate::lifecycle) fn url(&self) -> Option<PublicUrl> {
        self.state().and_then(|now| now.state.url().cloned())
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state()
            .is_some_and(|now| matches!(now.state, TunnelState::Failed { .. }))
    }

    pub(super) fn is_of(&self, kind: TunnelKind) -> bool {
        matches!(self, Self::Open(open) if open.tunnel.kind == kind)
    }

    /// Resolves when its state has changed.
    pub(in crate::lifecycle) async fn changed(&mut self) {
        if let Self::Open(open) = self
            && open.states.changed().await.is_ok()
        {
            return;
        }
        // Closed, or failed for good, which has been told.
        std::future::pending::<()>().await;
    }
}
