//! Workspaces: the directory whose manifest and lock file count for an app in a directory of it.

use std::sync::LazyLock;

use globset::GlobBuilder;
use regex::Regex;
use serde_json::Value;

use super::{FILE, has, has_packages, locks};
use crate::project::files::{
    manifest,
    tree::{SubTree, Tree},
};

/// Where packages are installed from: the app's own directory, or one so many levels above.
#[derive(Debug, PartialEq, Eq)]
pub struct InstallRoot {
    levels: usize,
    /// The app is no member of it and has a manifest of its own without packages.
    beside: bool,
}

impl InstallRoot {
    /// The directory as a tree. `tree` is the app's.
    pub fn tree<'t>(&self, tree: &'t dyn Tree) -> SubTree<'t> {
        let (whole, root) = tree.above().unwrap_or((tree, ""));
        SubTree::new(whole, up(root, self.levels))
    }

    pub fn is_beside(&self) -> bool {
        self.beside
    }

    pub fn is_above(&self) -> bool {
        self.levels > 0
    }

    /// The way there from the app.
    pub fn way(&self) -> String {
        vec![".."; self.levels].join("/")
    }
}

/// `None` where there is no manifest. `own` is the app's.
pub fn home(tree: &dyn Tree, own: Option<&Value>) -> Option<InstallRoot> {
    let here = InstallRoot {
        levels: 0,
        beside: false,
    };
    let settled = |written: &Value| written.get("packageManager").is_some() || locks::any(tree);
    if own.is_some_and(settled) {
        return Some(here);
    }
    let bare = own.is_none_or(|own| !has_packages(own) && globs(tree, own).is_none());
    if let Some((whole, root)) = tree.above() {
        let depth = root.split('/').count();
        for levels in 1..=depth {
            let dir = up(root, levels);
            let above = SubTree::new(whole, dir);
            let Some(written) = manifest::json(&above, FILE) else {
                continue;
            };
            let app = root
                .strip_prefix(dir)
                .unwrap_or(root)
                .trim_start_matches('/');
            if globs(&above, &written).is_some_and(|globs| fits(&globs, app)) {
                return Some(InstallRoot {
                    levels,
                    beside: false,
                });
            }
            if bare && has_packages(&written) {
                return Some(InstallRoot {
                    levels,
                    beside: own.is_some(),
                });
            }
        }
    }
    own.is_some().then_some(here)
}

fn up(root: &str, levels: usize) -> &str {
    (0..levels).fold(root, |dir, _| {
        dir.rsplit_once('/').map_or("", |(dir, _)| dir)
    })
}

/// The globs of a workspace's members; `None` where it is no workspace.
pub fn globs(tree: &dyn Tree, written: &Value) -> Option<Vec<String>> {
    const PNPM: &str = "pnpm-workspace.yaml";
    if has(tree, PNPM)
        && let Some(text) = tree.read(PNPM, 64 << 10)
    {
        let members = of_yaml(&text);
        // It may hold settings alone.
        if !members.is_empty() {
            return Some(members);
        }
    }
    let listed = written.get("workspaces")?;
    let listed = listed.get("packages").unwrap_or(listed).as_array()?;
    let members = listed.iter().filter_map(Value::as_str).map(str::to_owned);
    Some(members.collect())
}

/// The list below `packages:`, as every such file writes it, or between brackets.
fn of_yaml(text: &str) -> Vec<String> {
    static BETWEEN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^packages:\s*\[([^\]]*)\]").expect("it is tested"));
    static ITEM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"^\s*-\s*["']?([^"'#]+)["']?"#).expect("it is tested"));
    if let Some(found) = BETWEEN.captures(text) {
        let items = found[1].split(',');
        let items = items.map(|item| item.trim().trim_matches(['"', '\'']));
        return items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect();
    }
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("packages:"));
    lines
        .skip(1)
        .take_while(|line| line.trim().is_empty() || line.starts_with([' ', '\t', '-', '#']))
        .filter_map(|line| Some(ITEM.captures(line)?[1].trim().to_owned()))
        .collect()
}

/// Whether a directory is a member.
pub fn fits(globs: &[String], dir: &str) -> bool {
    let one = |glob: &str| {
        let glob = glob.trim_start_matches("./").trim_end_matches('/');
        GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .is_ok_and(|glob| glob.compile_matcher().is_match(dir))
    };
    let (out, into): (Vec<&String>, Vec<&String>) =
        globs.iter().partition(|glob| glob.starts_with('!'));
    into.iter().any(|glob| one(glob)) && !out.iter().any(|glob| one(&glob[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_pnpm_workspace() {
        let text = "catalog:\n  a: 1\npackages:\n  # all\n  - 'apps/*'\n- libs/** # x\n  - \"!libs/old\"\nonlyBuiltDependencies:\n  - esbuild\n";
        let globs = of_yaml(text);
        assert_eq!(globs, ["apps/*", "libs/**", "!libs/old"]);
        for (dir, is) in [
            ("apps/web", true),
            ("apps/web/x", false),
            ("libs/a/b", true),
            ("libs/old", false),
            ("x", false),
        ] {
            assert_eq!(fits(&globs, dir), is, "{dir}");
        }
        for text in [
            "packages: ['apps/*', \"libs/*\"]\n",
            "packages: [\n  apps/*,\n  libs/*,\n]\n",
        ] {
            assert_eq!(of_yaml(text), ["apps/*", "libs/*"], "{text}");
        }
        assert!(of_yaml("onlyBuiltDependencies:\n  - esbuild\n").is_empty());
    }
}
