//! The validator: what passes is below the root and hides nothing, and a spelling is its own.

#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "compiled in whole")]
#[path = "../../src/source/path_rules.rs"]
mod path_rules;

use path_rules::{DEEPEST, LONGEST_NAME, LONGEST_PATH, check, printable, spelling};

fuzz_target!(|data: &[u8]| {
    let Ok(path) = std::str::from_utf8(data) else {
        return;
    };
    let shown = printable(path);
    assert!(!shown.chars().any(char::is_control));
    let folded = spelling(path);
    assert_eq!(spelling(&folded), folded);
    if check(path).is_err() {
        return;
    }
    let names: Vec<_> = Path::new(path).components().collect();
    assert!(!names.is_empty() && names.len() <= DEEPEST && path.len() <= LONGEST_PATH);
    for name in names {
        let Component::Normal(name) = name else {
            panic!("{path:?}")
        };
        let name = name.to_str().unwrap();
        assert!(name.len() <= LONGEST_NAME);
        assert!(!name.contains(['\\', ':', '\0', '\n', '\r', '\u{1b}', '\u{202e}']));
        assert!(!name.ends_with(['.', ' ']));
        assert_ne!(spelling(name), ".git");
    }
});
