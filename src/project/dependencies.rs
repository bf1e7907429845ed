//! Dependencies a project declares: what each ecosystem's manifest names, and the file that does.

use std::{collections::BTreeMap, str::FromStr as _};

use pep440_rs::Version;
use serde_json::Value;

use crate::project::{
    files::{
        manifest,
        tree::{SubTree, Tree},
    },
    node,
    python::{self, requirement_parser},
    version::bounds,
};

/// Every name that will be installed, and by which file.
#[derive(Debug, Default)]
pub struct Dependencies {
    npm: BTreeMap<String, Package>,
    python: Option<python::PackageSource>,
    pub node: node::Node,
    /// Whether a script gives Node.js the ways of an older OpenSSL, which one before 17 refuses.
    legacy_openssl: bool,
    /// Versions that a lock of Python's names, by normal name.
    locked: BTreeMap<String, String>,
}

/// A package of npm's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// A range, as written.
    pub versions: String,
    pub file: String,
}

impl Dependencies {
    pub fn read(tree: &dyn Tree, cap: usize) -> Self {
        let mut deps = Self {
            python: python::read(tree, cap),
            node: node::Node::read(tree),
            ..Self::default()
        };
        if let Some(source) = &deps.python {
            deps.locked = python::locked(tree, source.kind);
        }
        deps.package_json(tree, "");
        if deps.npm.is_empty() {
            deps.package_json_above(tree);
        }
        deps
    }

    /// Whether its scripts see to what its packages ask of an older OpenSSL.
    pub fn has_legacy_openssl(&self) -> bool {
        self.legacy_openssl
    }

    /// The file that names `dep`, such as `npm:vite`, `pypi:flask` or `pypi:fastapi[standard]`.
    pub fn find(&self, dep: &str) -> Option<&str> {
        match dep.split_once(':')? {
            ("npm", name) => self.npm.get(name).map(|it| it.file.as_str()),
            ("pypi", name) => {
                let wanted = requirement_parser::named(name)?;
                let found = self
                    .pypi()?
                    .get(&requirement_parser::normal(&wanted.name))?;
                wanted
                    .extras
                    .is_subset(&found.extras)
                    .then_some(found.file.as_str())
            }
            _ => None,
        }
    }

    /// Whether `dep` is of a kind that [`Dependencies::find`] knows.
    pub fn is_known_kind(dep: &str) -> bool {
        matches!(dep.split_once(':'), Some(("npm" | "pypi", name)) if !name.is_empty())
    }

    pub fn npm(&self) -> &BTreeMap<String, Package> {
        &self.npm
    }

    pub fn pypi(&self) -> Option<&requirement_parser::Requirements> {
        self.python.as_ref().map(|it| &it.names)
    }

    /// The newest version that a package of `PyPI`'s may be installed in, and how that is written;
    /// `None` where nothing bounds it.
    pub fn newest_of_pypi(&self, name: &str) -> Option<(Version, String)> {
        if let Some(locked) = self.locked.get(name) {
            return Some((Version::from_str(locked).ok()?, locked.clone()));
        }
        let asked = &self.pypi()?.get(name)?.versions;
        let told = asked.trim_start_matches('=').trim().to_owned();
        Some((bounds::newest(asked)?, told))
    }

    /// Where Python's packages are written down.
    pub fn python(&self) -> Option<&python::PackageSource> {
        self.python.as_ref()
    }

    fn package_json(&mut self, tree: &dyn Tree, way: &str) {
        const FILE: &str = "package.json";
        let Some(written) = manifest::json(tree, FILE) else {
            return;
        };
        let scripts = written.get("scripts").map(Value::to_string);
        self.legacy_openssl |= scripts.is_some_and(|it| it.contains("openssl-legacy-provider"));
        for section in ["dependencies", "devDependencies", "optionalDependencies"] {
            let table = written.get(section).and_then(Value::as_object);
            for (name, versions) in table.into_iter().flatten() {
                self.npm.insert(
                    name.clone(),
                    Package {
                        versions: versions.as_str().unwrap_or("").to_owned(),
                        file: format!("{way}{FILE}"),
                    },
                );
            }
        }
    }

    /// What an app without packages of its own finds in the nearest directory above.
    fn package_json_above(&mut self, tree: &dyn Tree) {
        let Some((whole, root)) = tree.above() else {
            return;
        };
        let (mut dir, mut way) = (root, String::new());
        while !dir.is_empty() && self.npm.is_empty() {
            dir = dir.rsplit_once('/').map_or("", |(dir, _)| dir);
            way.push_str("../");
            self.package_json(&SubTree::new(whole, dir), &way);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    fn deps(file: &str, text: &str) -> Dependencies {
        Dependencies::read(&MemoryTree::new([(file, text)]), 1 << 16)
    }

    #[test]
    fn every_section_of_every_manifest_is_read() {
        for (file, text, dep) in [
            (
                "package.json",
                r#"{"dependencies":{"express":"5"}}"#,
                "npm:express",
            ),
            (
                "package.json",
                r#"{"devDependencies":{"@hapi/hapi":"*"}}"#,
                "npm:@hapi/hapi",
            ),
            ("requirements.txt", "flask", "pypi:Flask"),
            ("requirements-dev.txt", "flask", "pypi:flask"),
            ("requirements/base.txt", "flask", "pypi:flask"),
            ("requirements.in", "flask", "pypi:flask"),
            (
                "pyproject.toml",
                "[project]\ndependencies = ['fastapi[standard]>=0.1']",
                "pypi:fastapi[standard]",
            ),
            (
                "pyproject.toml",
                "[project]\nname = 'x'\n[project.optional-dependencies]\nweb = ['flask']",
                "pypi:flask",
            ),
            (
                "pyproject.toml",
                "[dependency-groups]\ndev = ['flask', {include-group = 'x'}]",
                "pypi:flask",
            ),
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\npython = '^3.10'\nflask = '*'",
                "pypi:flask",
            ),
            (
                "pyproject.toml",
                "[tool.poetry.group.web.dependencies]\nuvicorn = {version='*', extras=['standard']}",
                "pypi:uvicorn[standard]",
            ),
            ("Pipfile", "[packages]\nDjango = '*'", "pypi:django"),
            (
                "setup.py",
                "setup(install_requires=['flask>=1'])",
                "pypi:flask",
            ),
            (
                "environment.yml",
                "dependencies:\n  - python=3.9\n  - pip:\n    - flask==2.0\n",
                "pypi:flask",
            ),
            (
                "main.py",
                "# /// script\n# dependencies = ['bottle']\n# ///\nimport bottle\n",
                "pypi:bottle",
            ),
            ("app.py", "from flask import Flask\n", "pypi:flask"),
        ] {
            assert_eq!(deps(file, text).find(dep), Some(file), "{text}");
        }
    }

    #[test]
    fn near_misses_are_not_found() {
        for (file, text, dep) in [
            (
                "package.json",
                r#"{"name":"express","peerDependencies":{"express":"5"}}"#,
                "npm:express",
            ),
            (
                "package.json",
                r#"{"dependencies":{"express":"5""#,
                "npm:express",
            ),
            ("package.json", "[]", "npm:express"),
            ("requirements.txt", "flask-cors", "pypi:flask"),
            ("requirements.txt", "fastapi", "pypi:fastapi[standard]"),
            ("notes.txt", "flask", "pypi:flask"),
            ("lib/app.py", "from flask import Flask\n", "pypi:flask"),
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\npython = '3'",
                "pypi:python",
            ),
        ] {
            assert_eq!(deps(file, text).find(dep), None, "{text}");
        }
    }

    #[test]
    fn an_empty_list_is_none() {
        let tree = MemoryTree::new([
            ("requirements.txt", "\n"),
            ("site/app.py", "from flask import Flask\n"),
        ]);
        let deps = Dependencies::read(&SubTree::new(&tree, "site"), 1 << 16);
        assert_eq!(deps.find("pypi:flask"), Some("app.py"));
    }

    #[test]
    fn django_one_directory_down_is_what_its_files_import() {
        let manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.settings')\n";
        let tree = MemoryTree::new([("mysite/manage.py", manage), ("requirements.txt", "")]);
        let deps = Dependencies::read(&tree, 1 << 16);
        assert_eq!(deps.find("pypi:django"), Some("mysite/manage.py"));
    }

    #[test]
    fn a_list_that_asks_for_the_project_asks_for_what_that_needs() {
        for itself in ["-e .", ".", "-e .[dev]", "--editable ./"] {
            let tree = MemoryTree::new([
                ("requirements.txt", itself),
                (
                    "pyproject.toml",
                    "[project]\nname = 'x'\ndependencies = ['flask']\n",
                ),
            ]);
            let deps = Dependencies::read(&tree, 1 << 16);
            assert_eq!(deps.find("pypi:flask"), Some("pyproject.toml"), "{itself}");
        }
    }

    #[test]
    fn an_app_in_a_directory_has_what_is_written_above_it() {
        let tree = MemoryTree::new([
            ("package.json", r#"{"dependencies":{"express":"5"}}"#),
            ("requirements.txt", "flask"),
            ("apps/api/app.py", ""),
            ("own/package.json", r#"{"dependencies":{"koa":"3"}}"#),
            ("own/requirements.txt", "django"),
        ]);
        let above = Dependencies::read(&SubTree::new(&tree, "apps/api"), 1 << 16);
        assert_eq!(above.find("npm:express"), Some("../../package.json"));
        assert_eq!(above.find("pypi:flask"), Some("../../requirements.txt"));
        let own = Dependencies::read(&SubTree::new(&tree, "own"), 1 << 16);
        assert_eq!(
            (own.find("npm:express"), own.find("pypi:flask")),
            (None, None)
        );
    }
}
