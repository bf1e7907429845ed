//! Programs that tunnels start in these tests: this binary, run as `--as NAME ARGS…`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Be the program of that name.
pub fn run(name: &str, args: &[String]) {
    match name {
        other => panic!("no program `{other}` here: {args:?}"),
    }
}

/// An executable file at `dir/file` that is the program `name`.
pub fn install(dir: &Path, file: &str, name: &str) -> PathBuf {
    let path = dir.join(file);
    let this = std::env::current_exe().unwrap();
    let text = format!("#!/bin/sh\nexec '{}' --as {name} \"$@\"\n", this.display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
