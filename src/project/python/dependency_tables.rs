//! Packages that are written as tables: Poetry's own, and a Pipfile's.

use serde_json::Value;

use super::{
    installer_words,
    package_source::{InstallerKind, PackageSource},
    requirement_parser::{self, NamedRequirement, Requirements},
    web_packages::is_web,
};
use crate::project::files::{manifest, tree::Tree};

/// Adds what Poetry's own tables ask for; whether there are any.
pub fn poetry(
    written: &Value,
    (names, words): (&mut Requirements, &mut Vec<String>),
    file: &str,
) -> bool {
    let Some(poetry) = written.pointer("/tool/poetry") else {
        return false;
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
    let mut any = false;
    for (name, spec) in tables.filter_map(Value::as_object).flatten() {
        any = true;
        let told = installer_words::of_table(name, spec);
        if name != "python" && !told.is_empty() {
            words.extend(told);
            requirement_parser::add(names, of_table(name, spec), file);
        }
    }
    any
}

pub fn pipfile(tree: &dyn Tree) -> Option<PackageSource> {
    const FILE: &str = "Pipfile";
    let written = manifest::toml(tree, FILE)?;
    let mut names = Requirements::new();
    let mut loose = Vec::new();
    let of = |section: &str| written.get(section).and_then(Value::as_object);
    for (name, spec) in of("packages").into_iter().flatten() {
        loose.extend(installer_words::of_table(name, spec));
        requirement_parser::add(&mut names, of_table(name, spec), FILE);
    }
    // What is for developing is taken where it serves.
    for (name, spec) in of("dev-packages").into_iter().flatten() {
        if is_web(&requirement_parser::normal(name)) {
            loose.extend(installer_words::of_table(name, spec));
            requirement_parser::add(&mut names, of_table(name, spec), FILE);
        }
    }
    Some(PackageSource::new(InstallerKind::Pipenv, Vec::new(), names).locked(tree, loose))
}

/// `name = "^1"` or `name = { version = "^1", extras = ["standard"] }`.
fn of_table(name: &str, spec: &Value) -> NamedRequirement {
    let list = spec.get("extras").and_then(Value::as_array);
    let extras = list.into_iter().flatten().filter_map(Value::as_str);
    let versions = spec.as_str().or_else(|| spec.get("version")?.as_str());
    NamedRequirement {
        name: name.to_owned(),
        extras: extras.map(requirement_parser::normal).collect(),
        versions: versions.filter(|it| *it != "*").unwrap_or("").to_owned(),
    }
}
