//! Quick Cloudflare tunnels: a program that behaves as `cloudflared` does.

use super::Test;

pub const TESTS: &[Test] = &[];
