//! Lock files: which managers left one, with which version, and whether it agrees with the manifest.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

use super::{PackageManager, has as has_file};
use crate::project::files::{manifest, tree::Tree};

/// They are larger than manifests.
const CAP: usize = 32 << 20;

/// A lock file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub manager: PackageManager,
    /// The version of the manager that reads it, where it is not the usual one.
    pub tool: Option<String>,
    /// Whether all that the manifest asks for stands in it.
    agrees: bool,
}

/// The first that is looked at is taken where several agree, or none does.
const FILES: [(&str, PackageManager); 6] = [
    ("package-lock.json", PackageManager::Npm),
    ("npm-shrinkwrap.json", PackageManager::Npm),
    ("pnpm-lock.yaml", PackageManager::Pnpm),
    ("yarn.lock", PackageManager::Yarn),
    ("bun.lock", PackageManager::Bun),
    ("bun.lockb", PackageManager::Bun),
];

pub fn any(tree: &dyn Tree) -> bool {
    FILES.iter().any(|(file, _)| has_file(tree, file))
}

/// Whether `manager` has one.
pub fn has(tree: &dyn Tree, manager: PackageManager) -> bool {
    let kind = if manager == PackageManager::Berry {
        PackageManager::Yarn
    } else {
        manager
    };
    FILES
        .iter()
        .any(|(file, of)| *of == kind && has_file(tree, file))
}

/// The one to keep to.
pub fn best(tree: &dyn Tree, written: &Value) -> Option<Lock> {
    let there: Vec<&(&str, PackageManager)> = FILES
        .iter()
        .filter(|(file, _)| has_file(tree, file))
        .collect();
    let alone = there.len() == 1;
    let mut locks: Vec<Lock> = there
        .into_iter()
        .map(|(file, manager)| read(tree, file, *manager, (!alone).then_some(written)))
        .collect();
    let at = locks.iter().position(|lock| lock.agrees).unwrap_or(0);
    (!locks.is_empty()).then(|| locks.swap_remove(at))
}

/// `written` is given where it matters whether it agrees.
fn read(tree: &dyn Tree, file: &str, manager: PackageManager, written: Option<&Value>) -> Lock {
    if manager == PackageManager::Npm {
        let agrees = written.is_some_and(|written| {
            manifest::json(tree, file).is_some_and(|lock| agrees_with_npm(&lock, written))
        });
        return Lock {
            manager,
            tool: None,
            agrees,
        };
    }
    let text = tree.read(file, CAP).unwrap_or_default();
    let (manager, tool) = match manager {
        PackageManager::Yarn => of_yarn(&text),
        PackageManager::Pnpm => (manager, of_pnpm(&text)),
        _ => (manager, None),
    };
    let stands = |name: &str, range: &str| match manager {
        PackageManager::Yarn => stands_at(&text, &format!("{name}@{range}")),
        PackageManager::Berry => {
            stands_at(&text, &format!("{name}@{range}"))
                || stands_at(&text, &format!("{name}@npm:{range}"))
        }
        PackageManager::Pnpm => pnpm_has(&text, name, range),
        // Its old format is binary; of it nothing can be told.
        PackageManager::Bun | PackageManager::Npm => {
            text.contains(&format!("\"{name}\": \"{range}\""))
        }
    };
    let agrees =
        written.is_some_and(|written| asked(written).all(|(name, range)| stands(name, range)));
    Lock {
        manager,
        tool,
        agrees,
    }
}

/// Names and ranges that a manifest asks for.
fn asked(written: &Value) -> impl Iterator<Item = (&str, &str)> {
    ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|section| written.get(section)?.as_object())
        .flatten()
        .filter_map(|(name, range)| Some((name.as_str(), range.as_str()?)))
}

/// Whether a lock of npm names files of one host alone, which is not npm's own registry, and no
/// settings of the project name that. Mirrors come and go; what they had is in the registry.
pub fn is_of_another_host(tree: &dyn Tree) -> bool {
    let has_settings = tree.files().iter().any(|path| path == ".npmrc");
    let Some(text) = (!has_settings)
        .then(|| tree.read("package-lock.json", CAP))
        .flatten()
    else {
        return false;
    };
    let is_own = |host: &str| {
        host.split('.')
            .any(|label| matches!(label, "npmjs" | "yarnpkg"))
    };
    let resolved = text.split("\"resolved\": \"http").skip(1);
    let hosts: BTreeSet<&str> = resolved
        .filter_map(|rest| rest.split_once("://")?.1.split('/').next())
        .collect();
    hosts.len() == 1 && !hosts.iter().any(|host| is_own(host))
}

/// Locks of npm 7 and later repeat the manifest; older ones have names alone.
fn agrees_with_npm(lock: &Value, written: &Value) -> bool {
    if let Some(root) = lock.pointer("/packages").and_then(|it| it.get("")) {
        return asked(written).eq(asked(root));
    }
    let locked = lock.get("dependencies").and_then(Value::as_object);
    locked.is_some_and(|locked| asked(written).all(|(name, _)| locked.contains_key(name)))
}

/// Whether an entry of a `yarn.lock` is for `wanted`: lines such as `a@^1, "a@npm:^1.2":`.
fn stands_at(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + wanted.len()..].chars().next();
        before.is_none_or(|c| matches!(c, '\n' | '"' | ' '))
            && after.is_some_and(|c| matches!(c, ':' | '"' | ','))
    })
}

/// `specifier: ^1` below `name:`, or `name: ^1` below `specifiers:` in older ones.
fn pnpm_has(text: &str, name: &str, range: &str) -> bool {
    let bare = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((key, value)) = line
            .trim()
            .split_once(": ")
            .or_else(|| Some((line.trim().strip_suffix(':')?, "")))
        else {
            continue;
        };
        if bare(key) != name {
            continue;
        }
        let next = lines
            .peek()
            .and_then(|line| line.trim().strip_prefix("specifier:"));
        if bare(value) == range || next.is_some_and(|it| bare(it) == range) {
            return true;
        }
    }
    false
}

/// Locks of Yarn from 2 on say the version of their format.
fn of_yarn(text: &str) -> (PackageManager, Option<String>) {
    static FORMAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^__metadata:\s*\n\s+version: (\d+)").expect("it is tested")
    });
    match FORMAT.captures(text) {
        Some(format) => {
            let old = format[1].parse::<u32>().is_ok_and(|format| format < 8);
            (
                PackageManager::Berry,
                Some(if old { "3" } else { "4" }.to_owned()),
            )
        }
        None => (PackageManager::Yarn, None),
    }
}

fn of_pnpm(text: &str) -> Option<String> {
    static FORMAT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?m)^lockfileVersion: ['"]?(\d+)"#).expect("it is tested"));
    let tool = match FORMAT.captures(text)?[1].parse().unwrap_or(9) {
        0..=5 => "7",
        6..=8 => "8",
        _ => return None,
    };
    Some(tool.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    #[test]
    fn every_kind_of_lock_is_held_against_the_manifest() {
        let written: Value = serde_json::from_str(
            r#"{"dependencies":{"koa":"^3.0.0"},"devDependencies":{"@types/koa":"^2"}}"#,
        )
        .unwrap();
        for (file, text, agrees) in [
            (
                "package-lock.json",
                r#"{"dependencies":{"koa":{},"@types/koa":{}}}"#,
                true,
            ),
            ("package-lock.json", r#"{"dependencies":{"koa":{}}}"#, false),
            (
                "yarn.lock",
                "koa@^3.0.0:\n  x\n\n\"@types/koa@^2\":\n  x\n",
                true,
            ),
            (
                "yarn.lock",
                "koa@^3.0.0-rc, koa@^2:\n\n\"@types/koa@^2\":\n",
                false,
            ),
            (
                "yarn.lock",
                "__metadata:\n  version: 8\n\n\"koa@npm:^3.0.0\":\n\n\"@types/koa@npm:*, @types/koa@npm:^2\":\n",
                true,
            ),
            (
                "pnpm-lock.yaml",
                "importers:\n  .:\n    dependencies:\n      koa:\n        specifier: ^3.0.0\n    devDependencies:\n      '@types/koa':\n        specifier: ^2\n",
                true,
            ),
            (
                "pnpm-lock.yaml",
                "specifiers:\n  '@types/koa': ^2\n  koa: ^3.0.0\n",
                true,
            ),
            (
                "pnpm-lock.yaml",
                "specifiers:\n  '@types/koa': ^2\n  koa: ^2.0.0\n",
                false,
            ),
            (
                "bun.lock",
                "{\n\"dependencies\": {\n  \"koa\": \"^3.0.0\",\n},\n\"devDependencies\": {\n\"@types/koa\": \"^2\"}",
                true,
            ),
            ("bun.lockb", "\0", false),
        ] {
            let manager = FILES.iter().find(|it| it.0 == file).unwrap().1;
            let tree = MemoryTree::new([(file, text)]);
            assert_eq!(
                read(&tree, file, manager, Some(&written)).agrees,
                agrees,
                "{file}: {text}"
            );
        }
    }

    #[test]
    fn a_lock_of_a_mirror_alone_is_told_from_others() {
        let lock = |hosts: &[&str]| {
            let line =
                |host: &&str| format!("\"resolved\": \"https://{host}/ms/-/ms-2.1.3.tgz\"\n");
            hosts.iter().map(line).collect::<String>()
        };
        for (hosts, expected) in [
            (&["mirror.example"][..], true),
            (&["mirror.example", "mirror.example"], true),
            // Of the project's own.
            (&["mirror.example", "packages.example"], false),
            (&["registry.npmjs.example"], false),
            (&[], false),
        ] {
            let text = lock(hosts);
            let tree = MemoryTree::new([("package-lock.json", text.as_str())]);
            assert_eq!(is_of_another_host(&tree), expected, "{hosts:?}");
        }
        let text = lock(&["mirror.example"]);
        let tree = MemoryTree::new([("package-lock.json", text.as_str()), (".npmrc", "")]);
        assert!(!is_of_another_host(&tree));
    }
}
