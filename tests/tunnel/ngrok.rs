//! ngrok: the real crate against an edge of our own.

use super::Test;

pub const TESTS: &[Test] = &[];
