//! Any program that opens a tunnel.

use super::Test;

pub const TESTS: &[Test] = &[];
