//! Programs that tunnels start in these tests: this binary, run as `--as NAME ARGS…`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::stub;

/// Be the program of that name.
pub fn run(name: &str, args: &[String]) {
    match name {
        "bore" => stub::bore(args),
        "cloudflared-named" => super::named_program::run(args),
        "cloudflared" => stub::cloudflared(args),
        "parent" => stub::parent(args),
        "teller" => stub::teller(args),
        other => panic!("no program `{other}` here: {args:?}"),
    }
}

/// An executable file at `dir/file` that is the program `name`, and knows where it is.
pub fn install(dir: &Path, file: &str, name: &str) -> PathBuf {
    let path = dir.join(file);
    let this = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\nSTUB_DIR='{}' exec '{}' --as {name} \"$@\"\n",
        dir.display(),
        this.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
