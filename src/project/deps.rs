//! Dependencies a project declares, from the parsed manifests of its stack.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    requirements::{self, Requirement},
    tree::Tree,
};

/// Every name asked for, and by which file.
#[derive(Debug, Default)]
pub struct Deps {
    npm: BTreeMap<String, String>,
    pypi: BTreeMap<String, Requirement>,
}

impl Deps {
    pub fn read(tree: &dyn Tree, cap: usize) -> Self {
        let mut deps = Self::default();
        deps.package_json(tree, cap);
        deps.requirements(tree, cap);
        deps.pyproject(tree, cap);
        deps.pipfile(tree, cap);
        deps
    }

    /// The file that names `dep`, such as `npm:vite`, `pypi:flask` or `pypi:fastapi[standard]`.
    pub fn find(&self, dep: &str) -> Option<&str> {
        match dep.split_once(':')? {
            ("npm", name) => self.npm.get(name).map(String::as_str),
            ("pypi", name) => {
                let (name, extras) = requirements::name_and_extras(name)?;
                let found = self.pypi.get(&requirements::normal(&name))?;
                extras
                    .is_subset(&found.extras)
                    .then_some(found.file.as_str())
            }
            _ => None,
        }
    }

    /// Whether `dep` is of a kind that [`Deps::find`] knows.
    pub fn is_known_kind(dep: &str) -> bool {
        matches!(dep.split_once(':'), Some(("npm" | "pypi", name)) if !name.is_empty())
    }

    fn package_json(&mut self, tree: &dyn Tree, cap: usize) {
        const FILE: &str = "package.json";
        let Some(manifest) = json(tree, FILE, cap) else {
            return;
        };
        for section in ["dependencies", "devDependencies", "optionalDependencies"] {
            for name in keys(&manifest, &[section]) {
                self.npm.insert(name.clone(), FILE.to_owned());
            }
        }
    }

    fn requirements(&mut self, tree: &dyn Tree, cap: usize) {
        let is_one = |path: &str| {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            let text = std::path::Path::new(name)
                .extension()
                .is_some_and(|it| it == "txt");
            text && (dir == "requirements" || dir.is_empty() && name.starts_with("requirements"))
        };
        let mut files: Vec<&String> = tree.files().iter().filter(|path| is_one(path)).collect();
        // The plain one is what evidence should name.
        files.sort_by_key(|path| path.as_str() != "requirements.txt");
        for file in files {
            requirements::collect(tree, file, cap, &mut self.pypi);
        }
    }

    fn pyproject(&mut self, tree: &dyn Tree, cap: usize) {
        const FILE: &str = "pyproject.toml";
        let Some(manifest) = toml(tree, FILE, cap) else {
            return;
        };
        let groups = manifest.get("dependency-groups").and_then(Value::as_object);
        let lists = manifest
            .pointer("/project/dependencies")
            .into_iter()
            .chain(groups.into_iter().flat_map(|groups| groups.values()));
        for item in lists
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_str)
        {
            if let Some((name, extras)) = requirements::name_and_extras(item) {
                requirements::add(&mut self.pypi, &name, extras, FILE);
            }
        }
        self.poetry(&manifest, FILE);
    }

    fn poetry(&mut self, manifest: &Value, file: &str) {
        let Some(poetry) = manifest.pointer("/tool/poetry") else {
            return;
        };
        let groups = poetry.get("group").and_then(Value::as_object);
        let tables = ["dependencies", "dev-dependencies"]
            .into_iter()
            .filter_map(|section| poetry.get(section))
            .chain(
                groups
                    .into_iter()
                    .flat_map(|it| it.values())
                    .filter_map(|it| it.get("dependencies")),
            );
        for (name, spec) in tables.filter_map(Value::as_object).flatten() {
            if name != "python" {
                requirements::add(&mut self.pypi, name, extras(spec), file);
            }
        }
    }

    fn pipfile(&mut self, tree: &dyn Tree, cap: usize) {
        const FILE: &str = "Pipfile";
        let Some(manifest) = toml(tree, FILE, cap) else {
            return;
        };
        for section in ["packages", "dev-packages"] {
            let table = manifest.get(section).and_then(Value::as_object);
            for (name, spec) in table.into_iter().flatten() {
                requirements::add(&mut self.pypi, name, extras(spec), FILE);
            }
        }
    }
}

/// A JSON file, if it is one.
pub fn json(tree: &dyn Tree, path: &str, cap: usize) -> Option<Value> {
    let text = tree.read(path, cap)?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

/// A TOML file as the same kind of value.
pub fn toml(tree: &dyn Tree, path: &str, cap: usize) -> Option<Value> {
    toml::from_str(&tree.read(path, cap)?).ok()
}

fn keys<'a>(value: &'a Value, path: &[&str]) -> impl Iterator<Item = &'a String> {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    found
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|table| table.keys())
}

/// `{ version = "1", extras = ["standard"] }`
fn extras(spec: &Value) -> BTreeSet<String> {
    let list = spec
        .get("extras")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    list.filter_map(Value::as_str)
        .map(requirements::normal)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tree::memory::MemoryTree;

    fn deps(file: &str, text: &str) -> Deps {
        Deps::read(&MemoryTree::new([(file, text)]), 1 << 16)
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
            (
                "pyproject.toml",
                "[project]\ndependencies = ['fastapi[standard]>=0.1']",
                "pypi:fastapi[standard]",
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
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\npython = '3'",
                "pypi:python",
            ),
        ] {
            assert_eq!(deps(file, text).find(dep), None, "{text}");
        }
    }
}
