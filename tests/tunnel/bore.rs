//! bore: the real server and the real client, through `command`.

use super::Test;

pub const TESTS: &[Test] = &[];
