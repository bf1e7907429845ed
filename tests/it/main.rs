//! Tests of the library from outside, one module a room.
#![expect(clippy::unwrap_used, reason = "a test says by its panic what it found")]

mod sync;
