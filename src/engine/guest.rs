//! The guest's executable, which `build.rs` made for containers of the same architecture.

use std::sync::LazyLock;

/// A static executable without needs of its own.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest"));

/// Which guest this is: the first 16 hexadecimal digits of its hash.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| blake3::hash(GUEST).to_hex()[..16].to_owned());
    &VERSION
}
