//! Packages of npm that are compiled where the finished file that they look for cannot be fetched.

use serde_json::Value;

use super::packages::manifest_of;
use crate::{lifecycle::off_thread::in_tree, model::Plan, project::Tree};

/// Those that many projects have. Whatever is not here is found when its installation fails.
const COMPILED: [&str; 24] = [
    "argon2",
    "bcrypt",
    "better-sqlite3",
    "canvas",
    "cpu-features",
    "deasync",
    "farmhash",
    "grpc",
    "isolated-vm",
    "kerberos",
    "libpq",
    "libxmljs",
    "node-expat",
    "node-rdkafka",
    "node-sass",
    "nodegit",
    "pg-native",
    "re2",
    "robotjs",
    "scrypt",
    "sqlite3",
    "ursa",
    "usb",
    "zeromq",
];

const LOCKS: [&str; 4] = [
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
];
/// As much of a lock file is looked through.
const LONGEST_LOCK: usize = 32 << 20;

/// Why compilers are taken at once, if the app's `package.json` names such a package, or its lock
/// names one that another package brings.
pub(super) async fn compiled(directory: &str, plan: &Plan) -> Option<String> {
    if plan.stack.as_deref() != Some("node") || plan.install.is_none() {
        return None;
    }
    let manifest = manifest_of(plan);
    let found = in_tree(directory, move |tree| {
        let beside = manifest.strip_suffix("package.json").unwrap_or_default();
        let lock = |file: &&str| locked(&tree.read(&format!("{beside}{file}"), LONGEST_LOCK)?);
        let locked = || LOCKS.iter().find_map(lock);
        named(&tree.read(&manifest, 1 << 20)?).or_else(locked)
    });
    let name = found.await?;
    Some(format!("{name} may have to be compiled"))
}

fn named(manifest: &str) -> Option<&'static str> {
    let manifest = serde_json::from_str::<Value>(manifest).ok()?;
    let lists = ["dependencies", "devDependencies"].map(|list| &manifest[list]);
    let mut names = COMPILED.into_iter();
    names.find(|name| lists.iter().any(|list| list.get(name).is_some()))
}

/// In the words of npm, Yarn, pnpm and Bun.
fn locked(lock: &str) -> Option<&'static str> {
    let mut names = COMPILED.into_iter();
    names.find(|name| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        lock.match_indices(name).any(|(at, _)| {
            let (before, after) = (&lock[..at], &lock[at + name.len()..]);
            let is_whole = !before.ends_with(is_part) && !before.ends_with('@');
            let is_scoped = before.strip_suffix('/').is_some_and(is_scope);
            let of_npm = before.ends_with("node_modules/") && after.starts_with('"');
            is_whole && !is_scoped && (of_npm || after.starts_with('@'))
        })
    })
}

/// Whether it ends in the scope of a package's name, such as `@acme`.
fn is_scope(before: &str) -> bool {
    let start = before.trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_'));
    start.len() < before.len() && start.ends_with('@')
}

#[cfg(test)]
mod tests {
    use super::{locked, named};

    #[test]
    fn one_that_another_package_brings_is_seen_in_the_lock() {
        let lock = r#"{"packages":{"node_modules/better-sqlite3":{"version":"11.0.0"}}}"#;
        assert_eq!(locked(lock), Some("better-sqlite3"));
        for lock in [
            "\nbcrypt@^5.0.0:\n  version \"5.1.1\"\n",
            "packages:\n\n  bcrypt@5.1.1:\n    resolution: {}\n",
            "packages:\n\n  /bcrypt@5.1.1:\n",
            "\"bcrypt\": [\"bcrypt@5.1.1\", \"\", {}]",
        ] {
            assert_eq!(locked(lock), Some("bcrypt"), "{lock}");
        }
        for lock in [
            r#"{"packages":{"node_modules/sqlite3-cli":{}}}"#,
            "\n\"@types/bcrypt@^5.0.0\":\n  version \"5.0.2\"\n",
            "\nbcryptjs@^2.4.3:\n",
            "\nnode-bcrypt@^2.4.3:\n",
        ] {
            assert_eq!(locked(lock), None, "{lock}");
        }
    }

    #[test]
    fn a_package_that_is_compiled_is_seen_in_the_manifest() {
        assert_eq!(
            named(r#"{"dependencies":{"express":"5","bcrypt":"5"}}"#),
            Some("bcrypt")
        );
        assert_eq!(
            named(r#"{"devDependencies":{"sqlite3":"5"}}"#),
            Some("sqlite3")
        );
        assert_eq!(named(r#"{"dependencies":{"bcryptjs":"2"}}"#), None);
        assert_eq!(named("{"), None);
    }
}
