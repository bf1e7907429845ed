//! A lock file that was made on another system, or is behind its manifest.

use std::sync::LazyLock;

use regex::Regex;

use super::{Explanation, project::ProjectFacts};
use crate::model::{FailureKind, NextStep};

/// Native parts that npm packages fetch for one system, as they are asked for.
static NATIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:@rollup/rollup-|@esbuild/|@swc/core-|lightningcss[-.]|@tailwindcss/oxide-|@parcel/watcher-|@next/swc-|@img/sharp-|@node-rs/|@oxc-[\w]+/|@rolldown/binding-|@biomejs/cli-|@napi-rs/|sass-embedded-|turbo-|@libsql/)(?:[\w-]*)",
    )
    .expect("the pattern is fixed")
});

/// The command that installs what the manifest says.
pub fn without_lock(known: &ProjectFacts<'_>) -> NextStep {
    known.up_with(
        &[
            "--config",
            "install.commands = [[\"npm\", \"install\", \"--no-package-lock\"]]",
        ],
        "installs without the lock file, which stays as it is",
    )
}

/// A native part for this system that a lock file from another one does not list.
pub fn of_another_system(module: &str, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let is_native = NATIVE.is_match(module)
        && (module.contains("linux") || module.contains("binding"))
        || module.contains("linux-x64")
        || module.contains("linux-arm64");
    if !is_native {
        return None;
    }
    let lock = [
        "package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "bun.lock",
    ]
    .into_iter()
    .find(|name| known.read_near(name).is_some());
    let explained = Explanation::new(
        FailureKind::LockMismatch,
        match lock {
            Some(lock) => format!("{lock} was made on another system: it does not list `{module}`"),
            None => format!("`{module}`, which is for this system, is not installed"),
        },
    )
    .hint("make the lock file anew with `npm install` after removing it and `node_modules`, or install without it");
    Some(if lock == Some("package-lock.json") {
        explained.next(without_lock(known))
    } else {
        explained
    })
}
