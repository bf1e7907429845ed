//! A project's `.dockerignore`, and a path asked for.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "compiled in whole")]
#[path = "../../src/source/local/dockerignore.rs"]
mod dockerignore;

use dockerignore::DockerIgnore;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, text) = text.split_once('\n').unwrap_or((text, ""));
    let rules = DockerIgnore::parse(text);
    for freed in 0..2 {
        // What is pruned has nothing below it that is taken.
        if rules.prunes(path, freed).is_some() {
            assert!(rules.excludes(path, freed).is_some());
        }
    }
    assert!(rules.bad_lines().len() <= text.lines().count());
});
