//! What tests are made of.

pub mod agent;
pub mod engine;
pub mod program;
pub mod tools;
