//! Programs that hold tunnels: none is left, and nobody else's is touched.

use super::Test;

pub const TESTS: &[Test] = &[];
