//! The exact versions that the locks of Python's tools name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{InstallerKind, requirement_parser};
use crate::project::files::{manifest, tree::Tree};

/// Versions by normal name; empty where what is installed is not by a lock.
pub fn locked(tree: &dyn Tree, kind: InstallerKind) -> BTreeMap<String, String> {
    match kind {
        InstallerKind::Uv => packages(tree, "uv.lock"),
        InstallerKind::Poetry => packages(tree, "poetry.lock"),
        InstallerKind::Pdm => packages(tree, "pdm.lock"),
        InstallerKind::Pipenv => pipfile(tree),
        _ => BTreeMap::new(),
    }
}

fn packages(tree: &dyn Tree, file: &str) -> BTreeMap<String, String> {
    let written = manifest::toml(tree, file).unwrap_or_default();
    let list = written.get("package").and_then(Value::as_array);
    let one = |package: &Value| {
        let name = package.get("name")?.as_str()?;
        let version = package.get("version")?.as_str()?;
        Some((requirement_parser::normal(name), version.to_owned()))
    };
    list.into_iter().flatten().filter_map(one).collect()
}

fn pipfile(tree: &dyn Tree) -> BTreeMap<String, String> {
    let written = manifest::json(tree, "Pipfile.lock").unwrap_or_default();
    let table = written.get("default").and_then(Value::as_object);
    let one = |(name, package): (&String, &Value)| {
        let version = package.get("version")?.as_str()?.trim_start_matches('=');
        Some((requirement_parser::normal(name), version.to_owned()))
    };
    table.into_iter().flatten().filter_map(one).collect()
}
