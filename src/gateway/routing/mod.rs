//! Which preview a request is for, by its host, and what the gateway knows of that preview.

pub(super) mod activity;
pub(super) mod host;
pub(super) mod ports;
pub(super) mod request_origin;
pub(super) mod routes;
pub(super) mod virtual_hosts;
