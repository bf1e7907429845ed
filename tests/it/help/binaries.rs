//! Programs that tests run as processes of this host. This process never has one of them open to
//! write: a child that is being started at that moment would have it open too, and the program could
//! not be run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use codemate_preview::engine::guest::GUEST;

/// The guest.
pub fn guest() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        made("guest", GUEST, |making| {
            let content = making.with_extension("content");
            fs::write(&content, GUEST).unwrap();
            let mut copy = Command::new("install");
            let copied = copy.args(["-m", "700"]).args([&content, making]).status();
            assert!(copied.expect("install is there").success());
            fs::remove_file(content).unwrap();
        })
    })
}

/// A program that does the little that tests ask of one inside a container, and can stand in for the
/// guest: `tests/programs/fake_guest.rs`.
pub fn stand_in() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/fake_guest.rs");
        made("fake-guest", &fs::read(&source).unwrap(), |making| {
            let built = Command::new("rustc")
                .args([
                    "--edition=2024",
                    "-O",
                    "-Ctarget-feature=+crt-static",
                    "-Cstrip=symbols",
                ])
                .args(["--crate-name", "fake_guest", "-o"])
                .args([making, &source])
                .status()
                .expect("rustc is there");
            assert!(built.success());
        })
    })
}

pub fn stand_in_bytes() -> &'static [u8] {
    static BYTES: OnceLock<&'static [u8]> = OnceLock::new();
    BYTES.get_or_init(|| Box::leak(fs::read(stand_in()).unwrap().into_boxed_slice()))
}

/// What is made from that source, by `make` unless an earlier run of the tests has made it.
fn made(name: &str, source: &[u8], make: impl FnOnce(&Path)) -> PathBuf {
    let digest = blake3::hash(source).to_hex();
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{digest}"));
    if !program.exists() {
        let making = program.with_extension(std::process::id().to_string());
        make(&making);
        fs::rename(&making, &program).unwrap();
    }
    program
}
