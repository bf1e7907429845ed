//! Every Rust file of the repository is part of a target, so that the compiler, clippy and rustfmt
//! see all of them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each is the top of a workspace.
const WORKSPACES: [&str; 2] = ["", "fuzz"];

#[test]
fn every_file_belongs_to_a_target() {
    let seen: BTreeSet<PathBuf> = WORKSPACES
        .iter()
        .flat_map(|workspace| formatted(&root().join(workspace)))
        .collect();
    let alone: Vec<_> = files()
        .into_iter()
        .filter(|file| !seen.contains(&root().join(file)))
        .collect();
    assert!(alone.is_empty(), "no target has {alone:?}");
}

/// The control: a file that no `mod` names is not seen.
#[test]
fn a_file_of_no_target_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    fs::create_dir(dir.join("src")).unwrap();
    let manifest = "[package]\nname = 'a'\nedition = '2024'\n[workspace]\n";
    for (name, text) in [
        ("Cargo.toml", manifest),
        ("src/lib.rs", "mod named;\n"),
        ("src/named.rs", ""),
        ("src/alone.rs", ""),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
    let seen = formatted(&dir);
    assert!(seen.contains(&dir.join("src/named.rs")), "{seen:?}");
    assert!(!seen.contains(&dir.join("src/alone.rs")), "{seen:?}");
}

/// What rustfmt reads of a workspace. It begins at the targets that cargo names and follows `mod`
/// and `#[path]` as the compiler does.
fn formatted(workspace: &Path) -> BTreeSet<PathBuf> {
    let output = Command::new("cargo")
        .args(["fmt", "--", "--check", "--verbose"])
        .current_dir(workspace)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let files: BTreeSet<PathBuf> = lines
        .lines()
        .filter_map(|line| line.strip_prefix("Formatting "))
        .map(|file| Path::new(file).canonicalize().unwrap())
        .collect();
    assert!(
        !files.is_empty(),
        "rustfmt read nothing in {}",
        workspace.display()
    );
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .canonicalize()
        .unwrap()
}

/// Every Rust file that the repository has, deleted ones left out.
pub fn files() -> Vec<String> {
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .arg("*.rs")
        .current_dir(root())
        .output()
        .unwrap();
    assert!(list.status.success(), "{list:?}");
    let list = String::from_utf8(list.stdout).unwrap();
    let files = list.lines().filter(|file| root().join(file).exists());
    files.map(str::to_owned).collect()
}
