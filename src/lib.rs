pub mod api;
pub mod config;
pub mod engine;
pub mod model;
pub mod project;
pub mod security;
pub mod task;
