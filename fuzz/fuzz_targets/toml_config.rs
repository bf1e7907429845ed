//! A project's settings file, which comes from whoever made the project.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, unused_imports, reason = "compiled in whole")]
#[path = "../../src/config/mod.rs"]
mod config;
#[expect(dead_code, unused_imports, reason = "compiled in whole")]
#[path = "../../src/model/mod.rs"]
mod model;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = config::from_toml::<model::Options>(text).map_err(|fault| fault.to_string());
    let _ = config::from_toml::<config::SandboxSettings>(text).map_err(|fault| fault.to_string());
    let _ = config::from_toml::<config::SupabaseSettings>(text).map_err(|fault| fault.to_string());
    let _ = config::from_toml::<config::TunnelSettings>(text).map_err(|fault| fault.to_string());
});
