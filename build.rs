//! Builds the guest (`src/guest`) as the static program that the product carries along.
#![forbid(unsafe_code)]

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

/// What the guest is made of.
const SOURCES: [&str; 4] = ["src/guest", "src/guest_api", "Cargo.toml", "build.rs"];

/// Cargo hands these to build scripts for the product's own build. The guest has its own flags, and
/// is compiled by rustc also where the product is only checked, by clippy for one.
const NOT_FOR_THE_GUEST: [&str; 4] = [
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET_DIR",
];

/// The guest needs nothing of the image it runs in.
const FLAGS: &str = "-Ctarget-feature=+crt-static";

fn main() -> Result<(), Box<dyn Error>> {
    for source in SOURCES {
        writeln!(io::stdout(), "cargo::rerun-if-changed={source}")?;
    }
    // For the test that builds the package by itself and compares.
    let target = from_cargo("TARGET")?;
    let shown = target.display();
    writeln!(io::stdout(), "cargo::rustc-env=GUEST_TARGET={shown}")?;
    writeln!(io::stdout(), "cargo::rustc-env=GUEST_RUSTFLAGS={FLAGS}")?;
    let out = PathBuf::from(from_cargo("OUT_DIR")?);
    // A directory of its own, since cargo holds the lock of the other one now.
    let build_dir = out.join("guest-build");
    let mut cargo = Command::new(from_cargo("CARGO")?);
    cargo
        .args(["build", "--package", "guest", "--profile", "guest"])
        .args(["--locked", "--quiet"])
        .arg("--target")
        .arg(&target)
        .arg("--target-dir")
        .arg(&build_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS)
        // Pieces that are compiled anew one by one would make other bytes.
        .env("CARGO_INCREMENTAL", "0");
    for name in NOT_FOR_THE_GUEST {
        cargo.env_remove(name);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("the guest did not compile: {status}").into());
    }
    let built = build_dir.join(target).join("guest").join("guest");
    place(&built, &out.join("guest"))
}

/// A test may be running the old one, which can be replaced but not written to.
fn place(built: &Path, embedded: &Path) -> Result<(), Box<dyn Error>> {
    let fresh = embedded.with_extension("new");
    fs::copy(built, &fresh)?;
    fs::rename(fresh, embedded)?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script by its environment"
)]
fn from_cargo(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}
