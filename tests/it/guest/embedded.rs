//! The guest that the product carries is the package that cargo, clippy and rustfmt see.

use std::{fs, path::Path, process::Command};

use codemate_preview::engine::guest::{self, GUEST};

/// Builds the package as anybody would by hand, in a directory of its own, and compares the bytes.
/// The first run compiles for some seconds.
#[test]
fn the_embedded_guest_is_what_cargo_builds_of_its_package() {
    let target = env!("GUEST_TARGET");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let output = Command::new("cargo")
        .args(["build", "--package", "guest", "--profile", "guest"])
        .args(["--locked", "--target", target, "--target-dir"])
        .arg(&dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", env!("GUEST_RUSTFLAGS"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_INCREMENTAL")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let built = fs::read(dir.join(target).join("guest").join("guest")).unwrap();
    let (built, embedded) = (blake3::hash(&built), blake3::hash(GUEST));
    assert_eq!(
        built, embedded,
        "the guest is stale, or its build is not repeatable"
    );
    assert_eq!(guest::version(), &embedded.to_hex()[..16]);
}

/// It runs in images without any library. `ET_EXEC` or `ET_DYN` alike, it names no interpreter.
#[test]
fn the_embedded_guest_needs_no_library() {
    const INTERPRETER: u32 = 3;
    let word = |at: usize| u16::from_le_bytes([GUEST[at], GUEST[at + 1]]);
    assert_eq!(&GUEST[..5], b"\x7fELF\x02");
    // Of the 64-bit header: where the program headers begin, their size and their number.
    let first = usize::from(GUEST[32]);
    let (size, count) = (usize::from(word(54)), usize::from(word(56)));
    let kinds = (0..count).map(|at| {
        let at = first + at * size;
        u32::from_le_bytes(GUEST[at..at + 4].try_into().unwrap())
    });
    let kinds: Vec<u32> = kinds.collect();
    assert!(
        kinds.len() > 1 && !kinds.contains(&INTERPRETER),
        "{kinds:?}"
    );
}
