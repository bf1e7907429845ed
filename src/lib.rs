pub mod api;
pub mod config;
pub mod engine;
pub mod model;
pub mod security;
pub mod task;
