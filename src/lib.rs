pub mod api;
pub mod engine;
pub mod gateway;
pub mod model;
pub mod security;
pub mod store;
pub mod task;
