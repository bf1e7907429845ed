//! What tests are made of.

pub mod agent;
pub mod approve;
pub mod binaries;
pub mod engine;
pub mod no_vault;
pub mod program;
pub mod tcp_dial;
pub mod tools;
