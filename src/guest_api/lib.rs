//! What the agent and the guest must agree on: the frames between them, the text of a packet
//! filter, the names and addresses a preview may reach, and where the filter by name listens.
//!
//! Both programs compile these files. They use `std` alone, as all of the guest does.
#![forbid(unsafe_code)]

pub mod deny_ranges;
pub mod filter_ports;
pub mod host_names;
pub mod ruleset;
pub mod wire;
