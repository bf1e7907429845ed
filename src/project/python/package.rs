//! Whether a Python project is a package itself, which its own imports then need installed.

use serde_json::Value;

use super::{InstallerKind, PackageSource, requirement_parser::normal};
use crate::project::files::{manifest, tree::Tree};

/// What an installer is to be told of it, such as `.`; `None` where it is none, or where what
/// brings the packages in brings it too.
pub fn package(tree: &dyn Tree, source: &PackageSource) -> Option<String> {
    let here = ".".to_owned();
    match source.kind {
        InstallerKind::Setup => Some(here),
        InstallerKind::Project | InstallerKind::Pdm | InstallerKind::Poetry => {
            is_package(tree).then_some(here)
        }
        // What lies at the top is imported from there; only below `src` it has to be installed.
        InstallerKind::Requirements | InstallerKind::Pipenv => {
            let below_src = |path: &String| {
                path.starts_with("src/")
                    && path.ends_with("/__init__.py")
                    && path.matches('/').count() == 2
            };
            let can = is_package(tree) || has(tree, "setup.py");
            (can && tree.files().iter().any(below_src)).then_some(here)
        }
        InstallerKind::Uv
        | InstallerKind::Conda
        | InstallerKind::Script
        | InstallerKind::Imports => None,
    }
}

fn is_package(tree: &dyn Tree) -> bool {
    let Some(written) = manifest::toml(tree, "pyproject.toml") else {
        return false;
    };
    let flag = |pointer: &str| written.pointer(pointer).and_then(Value::as_bool);
    if written.get("build-system").is_none()
        || flag("/tool/poetry/package-mode") == Some(false)
        || flag("/tool/pdm/distribution") == Some(false)
        || flag("/tool/uv/package") == Some(false)
    {
        return false;
    }
    let text = |pointer: &str| written.pointer(pointer).and_then(Value::as_str);
    let backend = text("/build-system/build-backend").unwrap_or("");
    if !backend.starts_with("poetry") {
        return true;
    }
    // Poetry builds nothing whose directory is not there.
    let Some(name) = text("/project/name").or_else(|| text("/tool/poetry/name")) else {
        return false;
    };
    let name = normal(name).replace('-', "_");
    written.pointer("/tool/poetry/packages").is_some()
        || [
            format!("{name}/__init__.py"),
            format!("src/{name}/__init__.py"),
            format!("{name}.py"),
        ]
        .iter()
        .any(|file| has(tree, file))
}

fn has(tree: &dyn Tree, file: &str) -> bool {
    tree.files().iter().any(|it| it == file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{files::tree::memory::MemoryTree, python::read};

    #[test]
    fn a_project_that_can_be_built_is_a_package() {
        const BUILD: &str = "[build-system]\nrequires = []\nbuild-backend = 'x'\n";
        let cases: [(&[(&str, &str)], bool); 9] = [
            (
                &[(
                    "pyproject.toml",
                    "[build-system]\nrequires=[]\n[project]\nname='x'\n",
                )],
                true,
            ),
            (
                &[(
                    "pyproject.toml",
                    "[project]\nname='x'\ndependencies=['flask']\n",
                )],
                false,
            ),
            (&[("setup.py", "setup(install_requires=['flask'])")], true),
            (
                &[
                    ("requirements.txt", "flask"),
                    ("setup.py", ""),
                    ("shop/__init__.py", ""),
                ],
                false,
            ),
            (
                &[
                    ("requirements.txt", "flask"),
                    ("setup.py", ""),
                    ("src/shop/__init__.py", ""),
                ],
                true,
            ),
            (
                &[
                    ("requirements.txt", "flask"),
                    ("pyproject.toml", BUILD),
                    ("src/shop/__init__.py", ""),
                ],
                true,
            ),
            (
                &[
                    (
                        "pyproject.toml",
                        "[tool.poetry]\nname='a-b'\n[tool.poetry.dependencies]\nflask='*'\n[build-system]\nbuild-backend='poetry.core'\n",
                    ),
                    ("a_b/__init__.py", ""),
                ],
                true,
            ),
            (
                &[
                    (
                        "pyproject.toml",
                        "[tool.poetry]\nname='a-b'\n[tool.poetry.dependencies]\nflask='*'\n[build-system]\nbuild-backend='poetry.core'\n",
                    ),
                    ("app.py", ""),
                ],
                false,
            ),
            (
                &[(
                    "pyproject.toml",
                    "[tool.poetry]\npackage-mode=false\n[tool.poetry.dependencies]\nflask='*'\n[build-system]\n",
                )],
                false,
            ),
        ];
        for (files, is) in cases {
            let tree = MemoryTree::new(files.iter().copied());
            let source = read(&tree, 1 << 16).unwrap();
            assert_eq!(package(&tree, &source).is_some(), is, "{files:?}");
        }
    }
}
