//! Integration tests, one module a room.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod gateway;
mod store;
