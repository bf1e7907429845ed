//! Where the filter is found: one file for the rules that send connections to it and for itself.

/// `nobody`, by whom the rules know what the filter sends.
pub const FILTER_USER: u32 = 65534;
/// Ports on loopback, above those that the kernel gives to clients.
pub const DNS: u16 = 65053;
pub const TLS: u16 = 65443;
pub const HTTP: u16 = 65080;
/// What the rules refuse is logged to this group of the namespace. Not one that other programs use
/// by default.
pub const LOG_GROUP: u16 = 65;
