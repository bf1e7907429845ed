//! Named Cloudflare tunnels: our client against a fake of the documented API.

use super::Test;

pub const TESTS: &[Test] = &[];
