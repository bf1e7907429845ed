//! ssh: the real `sshd`, and servers that say what the presets' servers say.

use super::Test;

pub const TESTS: &[Test] = &[];
