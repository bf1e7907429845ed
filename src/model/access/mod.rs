//! Who may reach a preview, and from where.

pub(super) mod credentials;
pub(super) mod grant;
pub(super) mod mask;
pub(super) mod public_url;
pub(super) mod secret;
pub(super) mod tunnel;
pub(super) mod user_session;
