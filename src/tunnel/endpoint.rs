//! `TunnelEndpoint`: the gateway's end of one tunnel, as far as tunnels need it.

use crate::model::PublicUrl;

/// The listener at which the visitors of one instance arrive. Who holds it open is the owner's
/// business; the supervisor says which URL leads there, and looks whether it does.
pub trait TunnelEndpoint: Send + Sync {
    /// Take visitors of this host from now on, besides those of earlier ones.
    fn show(&self, url: &PublicUrl);

    /// A question that only this gateway can answer, and only through this endpoint.
    fn challenge(&self) -> Challenge;
}

/// Asked at a path, answered by a body. Good for a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub path: String,
    pub answer: String,
}
