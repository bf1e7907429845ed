//! Scripts of a `package.json`, read as words: what those that serve run, and where.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{PackageManager, below};
use crate::project::files::tree::Tree;

/// Scripts that a preview may run; what these run counts too.
const SERVE: [&str; 8] = [
    "dev",
    "start",
    "serve",
    "develop",
    "server",
    "start:dev",
    "dev:server",
    "preview",
];

/// Scripts that run by themselves with an installation, and may do it for other directories.
const INSTALL: [&str; 4] = ["preinstall", "install", "postinstall", "prepare"];

pub struct Scripts<'m> {
    all: BTreeMap<&'m str, &'m str>,
}

/// Programs that people install for the whole machine, and so do not name in a manifest. Each is
/// called as its package is.
const FOR_ALL: [&str; 8] = [
    "concurrently",
    "cross-env",
    "json-server",
    "node-dev",
    "nodemon",
    "ts-node",
    "ts-node-dev",
    "tsx",
];

impl<'m> Scripts<'m> {
    pub fn of(written: &'m Value) -> Self {
        let table = written.get("scripts").and_then(Value::as_object);
        let all = table
            .into_iter()
            .flatten()
            .filter_map(|(name, script)| Some((name.as_str(), script.as_str()?)));
        Self { all: all.collect() }
    }

    /// Managers that they call.
    pub fn tools(&self) -> BTreeSet<PackageManager> {
        let install = INSTALL.iter().filter_map(|name| self.all.get(name));
        let texts = self.served().into_iter().chain(install.copied());
        let word = |word: &str| match word {
            "yarn" | "yarnpkg" => Some(PackageManager::Yarn),
            "pnpm" | "pnpx" => Some(PackageManager::Pnpm),
            "bun" | "bunx" => Some(PackageManager::Bun),
            _ => None,
        };
        texts.flat_map(words).filter_map(word).collect()
    }

    /// Of what they call, the programs that people install for the whole machine.
    pub fn programs(&self) -> BTreeSet<&'static str> {
        let for_all = |word: &str| FOR_ALL.into_iter().find(|name| *name == word);
        let texts = self.served().into_iter();
        texts.flat_map(words).filter_map(for_all).collect()
    }

    /// Directories of `tree` whose files or scripts those that serve run.
    pub fn directories(&self, tree: &dyn Tree) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for text in self.served() {
            let words: Vec<&str> = words(text).collect();
            for (at, word) in words.iter().enumerate() {
                let next = words.get(at + 1).copied();
                let named = match *word {
                    "cd" | "--prefix" | "--cwd" | "-C" | "--dir" => next,
                    word => ["--prefix=", "--cwd=", "--dir="]
                        .iter()
                        .find_map(|flag| word.strip_prefix(flag)),
                };
                found.extend(named.and_then(below));
                found.extend(package_of(tree, word));
            }
        }
        found.retain(|dir| tree.files().contains(&format!("{dir}/package.json")));
        found
    }

    /// Whether an installation at the top brings in the packages of `dir` as well.
    pub fn install(&self, dir: &str) -> bool {
        let texts = INSTALL.iter().filter_map(|name| self.all.get(name));
        let mut seen = self.closure(texts.copied());
        seen.any(|text| {
            words(text).any(|word| {
                below(word).as_deref() == Some(dir) || word.ends_with(&format!("={dir}"))
            })
        })
    }

    /// The texts of what serves, and of what that runs.
    fn served(&self) -> Vec<&'m str> {
        let first = SERVE.iter().filter_map(|name| self.all.get(name));
        self.closure(first.copied()).collect()
    }

    fn closure(&self, first: impl Iterator<Item = &'m str>) -> impl Iterator<Item = &'m str> {
        let mut waiting: Vec<&'m str> = first.collect();
        let mut seen = BTreeSet::new();
        while let Some(text) = waiting.pop() {
            if !seen.insert(text) {
                continue;
            }
            for word in words(text) {
                let name = word.strip_prefix("npm:").unwrap_or(word);
                match name.strip_suffix('*') {
                    Some(prefix) if !prefix.is_empty() => {
                        let fitting = self.all.iter().filter(|(name, _)| name.starts_with(prefix));
                        waiting.extend(fitting.map(|(_, text)| *text));
                    }
                    _ => waiting.extend(self.all.get(name).copied()),
                }
            }
        }
        seen.into_iter()
    }
}

/// A command line's words; quotes and operators only part them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';' | '|' | '(' | ')' | '`')
    })
    .filter(|word| !word.is_empty())
}

/// The directory with a manifest of its own that the file `word` names lies in.
fn package_of(tree: &dyn Tree, word: &str) -> Option<String> {
    let path = below(word).filter(|path| path.contains('/'))?;
    let is_file = ["", ".js", ".ts", ".mjs", ".cjs", "/index.js"]
        .iter()
        .any(|end| tree.files().contains(&format!("{path}{end}")));
    let dirs = path.match_indices('/').map(|(at, _)| &path[..at]);
    dirs.rev()
        .find(|dir| is_file && tree.files().contains(&format!("{dir}/package.json")))
        .map(str::to_owned)
}
