//! What tests are made of.

pub mod agent;
pub mod program;
