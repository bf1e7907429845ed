//! One request: to the app of the preview that it names, and the response back.

pub(super) mod body;
pub(super) mod dial;
pub(super) mod error_page;
pub(super) mod exchange;
pub(super) mod half_close;
pub(super) mod handler;
pub(super) mod headers;
pub(super) mod pool;
pub(super) mod port_error_page;
pub(super) mod public_response;
pub(super) mod rewrite;
pub(super) mod upgrade;
pub(super) mod upstream;
