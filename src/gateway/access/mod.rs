//! Who may see a preview, and which requests are refused.

pub(super) mod authorize;
pub(super) mod challenge;
pub(super) mod csrf;
pub(super) mod link_token;
pub(super) mod policy;
pub(super) mod public_deny;
