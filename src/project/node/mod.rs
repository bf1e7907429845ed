//! Node's side of a project: which manager installs its packages, which managers its scripts call,
//! and which of its directories they run.

mod locks;
mod script_calls;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::project::files::{
    manifest,
    tree::{SubTree, Tree, relative},
};
use script_calls::Scripts;

/// A program that installs packages of npm's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageManager {
    Npm,
    Pnpm,
    Yarn,
    /// Yarn from 2 on.
    Berry,
    Bun,
}

impl PackageManager {
    /// As templates call it, with what it does with a lock file.
    fn told(self, locked: bool) -> &'static str {
        match (self, locked) {
            (Self::Npm, false) => "npm",
            (Self::Npm, true) => "npm-ci",
            (Self::Pnpm, false) => "pnpm",
            (Self::Pnpm, true) => "pnpm-ci",
            (Self::Yarn, false) => "yarn",
            (Self::Yarn, true) => "yarn-ci",
            (Self::Berry, false) => "berry",
            (Self::Berry, true) => "berry-ci",
            (Self::Bun, false) => "bun",
            (Self::Bun, true) => "bun-ci",
        }
    }

    /// The package that it is, without its version; npm is there.
    fn package(self) -> Option<&'static str> {
        match self {
            Self::Npm => None,
            Self::Pnpm => Some("pnpm"),
            Self::Yarn => Some("yarn"),
            Self::Berry => Some("@yarnpkg/cli-dist"),
            Self::Bun => Some("bun"),
        }
    }
}

/// What was found out; each list is of what installers are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// As templates call it; `None` where there is nothing to install.
    pub manager: Option<&'static str>,
    /// What the manager is told besides.
    pub flags: Vec<String>,
    /// Managers to have on `PATH`, such as `pnpm@9.1.0`, and what the scripts call besides.
    pub tools: Vec<String>,
    /// Directories that are installed besides, by manager.
    pub folders: BTreeMap<PackageManager, Vec<String>>,
}

/// A manager, its version, and whether it has a lock file to keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ManagerChoice {
    manager: PackageManager,
    version: Option<String>,
    locked: bool,
}

const FILE: &str = "package.json";

impl Node {
    pub fn read(tree: &dyn Tree) -> Self {
        let own = manifest::json(tree, FILE);
        let Some(home) = workspace::home(tree, own.as_ref()) else {
            return Self::default();
        };
        let Some(written) = manifest::json(&home.tree(tree), FILE) else {
            return Self::default();
        };
        let choice = choose(&home.tree(tree), &written);
        let mut node = Self::default();
        let mut tools = BTreeMap::new();
        add_tool(&mut tools, &choice);
        let has_packages = has_packages(&written)
            || workspace::globs(&home.tree(tree), &written).is_some()
            || own.as_ref().is_some_and(has_packages);
        if home.is_beside() {
            // What is run has a manifest of its own, so installers have to be told where to go.
            node.add_folder(choice.manager, home.way());
        } else if has_packages {
            node.manager = Some(choice.manager.told(choice.locked));
            if choice.manager == PackageManager::Npm && home.is_above() {
                node.flags.push("--include-workspace-root".to_owned());
            }
            let lies_elsewhere = || locks::is_of_another_host(&home.tree(tree));
            if choice.manager == PackageManager::Npm && choice.locked && lies_elsewhere() {
                // The same packages, from where others are taken too.
                node.flags.push("--replace-registry-host=always".to_owned());
            }
        }
        let mut forgotten = BTreeSet::new();
        if let Some(own) = &own {
            forgotten.extend(forgets(own, &[own, &written]));
            node.follow(tree, own, &mut tools, &mut forgotten);
        }
        node.tools = tools.into_values().collect();
        node.tools.extend(forgotten.into_iter().map(str::to_owned));
        node
    }

    /// Directories and managers of what the scripts run.
    fn follow(
        &mut self,
        tree: &dyn Tree,
        own: &Value,
        tools: &mut BTreeMap<PackageManager, String>,
        forgotten: &mut BTreeSet<&'static str>,
    ) {
        let scripts = Scripts::of(own);
        let members = workspace::globs(tree, own);
        let is_member = |dir: &str| {
            members
                .as_ref()
                .is_some_and(|globs| workspace::fits(globs, dir))
        };
        let mut seen = BTreeSet::new();
        for tool in scripts.tools() {
            add_tool(
                tools,
                &ManagerChoice {
                    manager: tool,
                    version: None,
                    locked: false,
                },
            );
        }
        for dir in scripts.directories(tree) {
            if !seen.insert(dir.clone()) || is_member(&dir) || scripts.install(&dir) {
                continue;
            }
            let inside = SubTree::new(tree, &dir);
            let Some(written) = manifest::json(&inside, FILE) else {
                continue;
            };
            forgotten.extend(forgets(&written, &[own, &written]));
            for tool in Scripts::of(&written).tools() {
                add_tool(
                    tools,
                    &ManagerChoice {
                        manager: tool,
                        version: None,
                        locked: false,
                    },
                );
            }
            if has_packages(&written) {
                let choice = choose(&inside, &written);
                add_tool(tools, &choice);
                self.add_folder(choice.manager, dir);
            }
        }
    }

    fn add_folder(&mut self, manager: PackageManager, dir: String) {
        self.folders.entry(manager).or_default().push(dir);
    }
}

/// The first choice of a manager's version counts: the project's own comes first.
fn add_tool(tools: &mut BTreeMap<PackageManager, String>, choice: &ManagerChoice) {
    let Some(package) = choice.manager.package() else {
        return;
    };
    // One program is called `yarn`, whichever of the two it is.
    if choice.manager == PackageManager::Yarn && tools.contains_key(&PackageManager::Berry) {
        return;
    }
    let usual = match choice.manager {
        PackageManager::Npm => "latest",
        PackageManager::Pnpm => "10",
        PackageManager::Yarn | PackageManager::Bun => "1",
        PackageManager::Berry => "4",
    };
    let version = choice.version.as_deref().unwrap_or(usual);
    tools
        .entry(choice.manager)
        .or_insert_with(|| format!("{package}@{version}"));
}

/// The programs that the scripts of `own` call and that none of the manifests names.
fn forgets(own: &Value, manifests: &[&Value]) -> Vec<&'static str> {
    let names = |name: &str| {
        SECTIONS
            .iter()
            .flat_map(|section| manifests.iter().filter_map(move |it| it.get(section)))
            .any(|table| table.get(name).is_some())
    };
    let called = Scripts::of(own).programs();
    called.into_iter().filter(|name| !names(name)).collect()
}

const SECTIONS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

fn has_packages(written: &Value) -> bool {
    SECTIONS
        .into_iter()
        .filter_map(|section| written.get(section)?.as_object())
        .any(|table| !table.is_empty())
}

/// What `packageManager` says counts before what lock files say; of several lock files, the first
/// that agrees with the manifest.
fn choose(tree: &dyn Tree, written: &Value) -> ManagerChoice {
    let lock = locks::best(tree, written);
    let of = |manager: PackageManager| lock.as_ref().filter(|lock| lock.manager == manager);
    if let Some((manager, version)) = named(written) {
        let lock = of(manager);
        return ManagerChoice {
            version: version.or_else(|| lock.and_then(|lock| lock.tool.clone())),
            manager,
            locked: locks::has(tree, manager),
        };
    }
    match lock {
        Some(lock) => ManagerChoice {
            manager: lock.manager,
            version: lock.tool,
            locked: true,
        },
        None => ManagerChoice {
            manager: only_allowed(written)
                .or_else(|| has(tree, "pnpm-workspace.yaml").then_some(PackageManager::Pnpm))
                .or_else(|| has(tree, "bunfig.toml").then_some(PackageManager::Bun))
                .or_else(|| has(tree, ".yarnrc.yml").then_some(PackageManager::Berry))
                .unwrap_or(PackageManager::Npm),
            version: None,
            locked: false,
        },
    }
}

/// `packageManager`, or `devEngines.packageManager`.
fn named(written: &Value) -> Option<(PackageManager, Option<String>)> {
    let dev = || {
        let dev = written.pointer("/devEngines/packageManager")?;
        let name = dev.get("name")?.as_str()?;
        let version = dev.get("version").and_then(Value::as_str).unwrap_or("");
        Some(format!("{name}@{version}"))
    };
    let said = written.get("packageManager").and_then(Value::as_str);
    let said = said.map(str::to_owned).or_else(dev)?;
    let (name, version) = said.split_once('@').unwrap_or((&said, ""));
    // A hash may follow the version.
    let version = version.split('+').next().unwrap_or("").trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let version = Some(version.to_owned()).filter(|it| !it.is_empty() && it.chars().all(plain));
    let modern = version
        .as_ref()
        .is_some_and(|it| !it.starts_with(['0', '1']));
    let manager = match name {
        "npm" => return Some((PackageManager::Npm, None)),
        "pnpm" => PackageManager::Pnpm,
        "yarn" if modern => PackageManager::Berry,
        "yarn" => PackageManager::Yarn,
        "bun" => PackageManager::Bun,
        _ => return None,
    };
    Some((manager, version))
}

/// What `npx only-allow pnpm` before an installation allows.
fn only_allowed(written: &Value) -> Option<PackageManager> {
    let script = written.pointer("/scripts/preinstall")?.as_str()?;
    let allowed = script.split_once("only-allow ")?.1;
    match allowed.split_whitespace().next()? {
        "pnpm" => Some(PackageManager::Pnpm),
        "yarn" => Some(PackageManager::Yarn),
        "bun" => Some(PackageManager::Bun),
        _ => None,
    }
}

fn has(tree: &dyn Tree, file: &str) -> bool {
    tree.files().iter().any(|it| it == file)
}

/// `dir` as a directory below the tree's top, if it is one.
fn below(dir: &str) -> Option<String> {
    relative(dir.trim_end_matches('/')).filter(|dir| !dir.is_empty())
}

#[cfg(test)]
mod tests;
