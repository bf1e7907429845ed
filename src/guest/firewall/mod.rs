//! Packet filters, which need `nft` in the image: that of one preview, and that of the host.

pub(super) mod host;
pub(super) mod nft;
pub(super) mod preview;
