//! A package that `package.json` names by mistake and that the registry does not have: one that
//! Node.js has itself, or that no file of the project names.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::packages::manifest_of;
use crate::{
    lifecycle::{instance::Instance, off_thread::in_tree},
    model::{Install, Plan},
    project::Tree,
    store::ReasonedNames,
};

/// What an installation of npm says of a package that is not to be had.
static ABSENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^npm (?:ERR!|error) (?:No versions available for (?<a>\S+)|404\s+(?:The requested resource )?'(?<b>(?:@[\w.-]+/)?[\w.-]+)@|notarget No matching version found for (?<c>(?:@[\w.-]+/)?[\w.-]+)@)",
    )
    .expect("the pattern is fixed")
});
/// Modules of Node.js itself whose names people put among their dependencies.
const OF_NODE: [&str; 22] = [
    "assert",
    "buffer",
    "child_process",
    "cluster",
    "crypto",
    "dns",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "net",
    "os",
    "path",
    "process",
    "querystring",
    "readline",
    "stream",
    "tls",
    "url",
    "util",
    "zlib",
];
/// Runs a command while `package.json` is without the packages before `--`, and puts it back.
const WITHOUT: &str = r#"cp package.json "$HOME/.package.json" || exit
trap 'cp "$HOME/.package.json" package.json' EXIT
while [ "$1" != -- ]; do npm pkg delete "dependencies[$1]" "devDependencies[$1]"; shift; done
shift; "$@""#;

impl Instance {
    /// The package that an installation of npm did not find, where it can be left out. Reads the
    /// project's files.
    pub(super) async fn unpublished(&self, plan: &Plan, lines: &[String]) -> Option<ReasonedNames> {
        let install = plan.install.as_ref()?;
        if plan.stack.as_deref() != Some("node") || !install.commands.iter().any(|it| is_of_npm(it))
        {
            return None;
        }
        let name = absent(lines)?;
        let known = &self.record.remedies.left_out;
        if known.iter().any(|it| it.names.contains(&name)) {
            return None;
        }
        let (manifest, asked) = (manifest_of(plan), name.clone());
        let because = in_tree(self.record.source.directory(), move |tree| {
            because(&asked, &manifest, tree)
        });
        Some(ReasonedNames {
            because: because.await?,
            names: vec![name],
        })
    }
}

fn absent(lines: &[String]) -> Option<String> {
    let found = lines.iter().rev().find_map(|line| ABSENT.captures(line))?;
    let name = found.iter().skip(1).flatten().next()?;
    Some(name.as_str().to_owned())
}

/// Why it can be left out; `None` where it may be needed.
fn because(name: &str, manifest: &str, tree: &dyn Tree) -> Option<String> {
    let manifest = tree.read(manifest, 1 << 20)?;
    let manifest = serde_json::from_str::<Value>(&manifest).ok()?;
    let lists = ["dependencies", "devDependencies"];
    if !lists.iter().any(|list| manifest[list].get(name).is_some()) {
        return None;
    }
    if OF_NODE.contains(&name) {
        return Some(format!(
            "no registry has `{name}`, which Node.js has itself"
        ));
    }
    (!is_named(name, tree))
        .then(|| format!("the registry does not have `{name}`, and no file names it"))
}

/// Whether a file of code or of settings has the name between quotes.
fn is_named(name: &str, tree: &dyn Tree) -> bool {
    let name = regex::escape(name);
    let Ok(quoted) = Regex::new(&format!(r#"["'`]{name}["'`/]"#)) else {
        return true;
    };
    let may_name = |path: &&String| {
        let ends = path.rsplit_once('.').map_or("", |(_, end)| end);
        let is_manifest = path
            .rsplit('/')
            .next()
            .is_some_and(|it| matches!(it, "package.json" | "package-lock.json"));
        let is_code = matches!(
            ends,
            "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" | "vue" | "svelte" | "json"
        );
        is_code && !is_manifest && !path.split('/').any(|part| part == "node_modules")
    };
    let mut files = tree.files().iter().filter(may_name);
    files.any(|path| {
        tree.read(path, 1 << 20)
            .is_none_or(|text| quoted.is_match(&text))
    })
}

/// In the app's own directory, as that is where its `package.json` is.
fn is_of_npm(argv: &[String]) -> bool {
    let installs = matches!(argv.get(1).map(String::as_str), Some("ci" | "install"));
    let is_elsewhere = |word: &String| word == "--prefix" || word == "--global";
    argv.first().is_some_and(|it| it == "npm") && installs && !argv.iter().any(is_elsewhere)
}

/// The plan of a Node.js project without these packages. A lock file would bring them back.
pub fn apply(left_out: &[ReasonedNames], plan: &mut Plan) {
    let names: Vec<&String> = left_out.iter().flat_map(|it| &it.names).collect();
    if names.is_empty() || plan.stack.as_deref() != Some("node") {
        return;
    }
    if let Some(install) = plan.install.as_mut() {
        without(&names, install);
    }
}

fn without(names: &[&String], install: &mut Install) {
    let fallbacks = install.fallbacks.iter_mut().flat_map(|it| &mut it.commands);
    for argv in install.commands.iter_mut().chain(fallbacks) {
        if !is_of_npm(argv) {
            continue;
        }
        let flags = argv.split_off(2);
        let mut wrapped: Vec<String> = ["sh", "-c", WITHOUT, "sh"].map(str::to_owned).into();
        wrapped.extend(names.iter().map(|&name| name.clone()));
        wrapped.extend(["--", "npm", "install", "--no-package-lock"].map(str::to_owned));
        wrapped.extend(flags.into_iter().filter(|it| it != "--no-package-lock"));
        *argv = wrapped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::LocalTree;

    #[test]
    fn the_package_is_read_from_what_npm_says() {
        for (line, name) in [
            (
                "npm error No versions available for save-dev",
                Some("save-dev"),
            ),
            (
                "npm error 404  The requested resource 'save-dev@1' could not be found or you do not have permission to access it.",
                Some("save-dev"),
            ),
            (
                "npm ERR! 404  '@acme/thing@^1.0.0' is not in this registry.",
                Some("@acme/thing"),
            ),
            (
                "npm error notarget No matching version found for sutando@1.7.1.",
                Some("sutando"),
            ),
            ("npm error 404 Not Found - GET left-padd", None),
        ] {
            assert_eq!(absent(&[line.to_owned()]).as_deref(), name, "{line}");
        }
    }

    #[test]
    fn only_what_nobody_needs_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).unwrap();
        write(
            "package.json",
            r#"{"dependencies":{"fs":"0.0.1-security","used":"1","express":"4"},"devDependencies":{"save-dev":"1"}}"#,
        );
        write(
            "app.js",
            "const used = require('used/lib'); const fs = require('fs');",
        );
        let tree = LocalTree::open(dir.path()).unwrap();
        let why = |name| because(name, "package.json", &tree);
        assert!(why("fs").unwrap().contains("Node.js has itself"));
        assert!(why("save-dev").unwrap().contains("no file names it"));
        assert_eq!(why("used"), None);
        // A part of another package, which cannot be taken out here.
        assert_eq!(why("accepts"), None);
    }

    #[test]
    fn every_installation_by_npm_goes_without_it() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let mut install = Install {
            commands: vec![
                words("npm install --global --prefix /x pm2"),
                words("npm ci --no-audit"),
            ],
            inputs: Vec::new(),
            fallbacks: Vec::new(),
        };
        without(&[&"save-dev".to_owned()], &mut install);
        assert_eq!(install.commands[0][1], "install");
        let expected = words("save-dev -- npm install --no-package-lock --no-audit");
        assert_eq!(install.commands[1][4..], expected);
    }
}
