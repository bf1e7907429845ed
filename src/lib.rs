pub mod api;
pub mod engine;
pub mod model;
pub mod security;
pub mod source;
pub mod sync;
pub mod task;
