//! Tests of the library from outside, one module a room.
#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]

mod sync;
//! The integration tests.
//!
//! - `guest`: the embedded guest as an ordinary process, and the agent's end of its stream.

mod guest;
//! Integration tests, one module a room.

mod store;
//! Integration tests: one program, a module a subject.

mod docker_engine;
