//! Compiles the guest (`src/guest/`), which the program carries along.

use std::{
    env,
    error::Error,
    io::{self, Write},
    path::Path,
    process::Command,
};

#[expect(
    clippy::disallowed_methods,
    reason = "what a build script is told, it is told this way"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let told = |name: &str| env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"));
    let source = Path::new("src").join("guest");
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", source.display())?;
    writeln!(io::stdout(), "cargo::rerun-if-changed=build.rs")?;
    let guest = Path::new(&told("OUT_DIR")?).join("guest");
    let status = Command::new(told("RUSTC")?)
        .args([
            "--edition",
            "2024",
            "--crate-name",
            "guest",
            "--crate-type",
            "bin",
        ])
        .args([
            "-C",
            "opt-level=2",
            "-C",
            "panic=abort",
            "-C",
            "codegen-units=1",
        ])
        .args([
            "-C",
            "strip=symbols",
            "-C",
            "target-feature=+crt-static",
            "--target",
        ])
        .arg(told("TARGET")?)
        .arg("-o")
        .arg(&guest)
        .arg(source.join("main.rs"))
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the guest did not compile: {status}").into())
    }
}
