//! What a Python project without a manifest imports, and which of it has a known distribution.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;
use serde::Deserialize;

use crate::project::tree::Tree;

#[derive(Debug, Deserialize)]
struct Known {
    stdlib: BTreeSet<String>,
    distributions: BTreeMap<String, String>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    toml::from_str(include_str!("imports.toml")).expect("the embedded list is read by a test")
});

/// Imports at the beginning of a line; those further in may well be of what is optional.
static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?m)^(?:from[ \t]+(?P<from>\.?[\w.]+)[ \t]+import\b|import[ \t]+(?P<import>[\w., \t]+))",
    )
    .expect("it is tested")
});

/// Apps that Django's settings name, each between quotes.
static QUOTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"["'](\w+)(?:\.[\w.]+)?["']"#).expect("it is tested"));

/// No more files than this are read.
const MOST_READ: usize = 200;

/// Packages that are imported from outside a project.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Distributions, each with the file that imports it.
    pub known: BTreeMap<String, String>,
    /// Modules whose distribution is not known, each with the file that imports it.
    pub unknown: BTreeMap<String, String>,
}

/// What the files of a tree import, tests and the like left out.
pub fn imported(tree: &dyn Tree, cap: usize) -> Imported {
    let mut found = Imported::default();
    let own = own_modules(tree);
    for path in tree
        .files()
        .iter()
        .filter(|path| runs(path))
        .take(MOST_READ)
    {
        let Some(text) = tree.read(path, cap) else {
            continue;
        };
        for module in modules(&text) {
            note(&mut found, &own, &module, path);
        }
        if path == "manage.py" && text.contains("DJANGO_SETTINGS_MODULE") {
            found
                .known
                .entry("django".to_owned())
                .or_insert_with(|| path.clone());
        }
        if path.ends_with("settings.py") || path.contains("settings/") {
            for (_, [app]) in QUOTED.captures_iter(&text).map(|it| it.extract()) {
                if let Some(dist) = KNOWN.distributions.get(app) {
                    let django = dist.contains("django") || dist.contains("rest");
                    if django && !own.contains(app) {
                        found
                            .known
                            .entry(dist.clone())
                            .or_insert_with(|| path.clone());
                    }
                }
            }
        }
    }
    found
}

fn note(found: &mut Imported, own: &BTreeSet<&str>, module: &str, path: &str) {
    let top = module.split('.').next().unwrap_or(module);
    if top.is_empty() || own.contains(top) || KNOWN.stdlib.contains(top) {
        return;
    }
    // `google.cloud.storage` before `google`.
    let longest = module
        .match_indices('.')
        .map(|(at, _)| &module[..at])
        .chain([module])
        .rev()
        .find_map(|prefix| KNOWN.distributions.get(prefix));
    let (list, name) = match longest {
        Some(dist) => (&mut found.known, dist.as_str()),
        None => (&mut found.unknown, top),
    };
    list.entry(name.to_owned())
        .or_insert_with(|| path.to_owned());
}

/// The modules that a file's text imports by their full names.
fn modules(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in IMPORT.captures_iter(text) {
        if let Some(from) = line.name("from") {
            if !from.as_str().starts_with('.') {
                found.push(from.as_str().to_owned());
            }
        } else if let Some(list) = line.name("import") {
            let first = |item: &str| item.split_whitespace().next().map(str::to_owned);
            found.extend(list.as_str().split(',').filter_map(first));
        }
    }
    found
}

/// Names that lead to the project's own files: any of its files and directories, for what is run
/// may put any of them on the module path.
fn own_modules(tree: &dyn Tree) -> BTreeSet<&str> {
    let python = tree.files().iter().filter_map(|it| it.strip_suffix(".py"));
    python.flat_map(|path| path.split('/')).collect()
}

/// Whether a file is likely to be a part of what is run.
fn runs(path: &str) -> bool {
    let mut names = path.rsplit('/');
    let file = names.next().unwrap_or(path);
    let aside = |dir: &str| {
        matches!(
            dir,
            "test"
                | "tests"
                | "docs"
                | "doc"
                | "examples"
                | "example"
                | "scripts"
                | "tools"
                | "benchmarks"
        )
    };
    file.ends_with(".py")
        && !file.starts_with("test_")
        && !file.ends_with("_test.py")
        && !matches!(
            file,
            "conftest.py" | "setup.py" | "noxfile.py" | "fabfile.py" | "tasks.py" | "tests.py"
        )
        && !names.any(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tree::memory::MemoryTree;

    fn of(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let found = imported(&MemoryTree::new(files.iter().copied()), 1 << 16);
        (
            found.known.into_keys().collect(),
            found.unknown.into_keys().collect(),
        )
    }

    #[test]
    fn imports_are_told_apart_from_what_is_there() {
        let app = "import os, sys as s\nimport yaml, numpy as np\nfrom flask import Flask\n\
            from . import x\nfrom .y import z\nfrom helpers import a\nimport pages.home\n\
            from distutils import util\nimport acme.inner\n    import pandas\n# import lxml\n\
            from google.cloud import storage\nfrom flask_sqlalchemy import SQLAlchemy\n";
        let files = [
            ("app.py", app),
            ("helpers.py", "from bs4 import BeautifulSoup\n"),
            ("pages/home.py", ""),
            ("tests/test_app.py", "import pytest\n"),
            ("setup.py", "import setuptools\n"),
        ];
        let (known, unknown) = of(&files);
        let expected = [
            "beautifulsoup4",
            "flask",
            "flask-sqlalchemy",
            "numpy",
            "pyyaml",
        ];
        assert_eq!(known, expected);
        assert_eq!(unknown, ["acme", "google"]);
    }

    #[test]
    fn what_django_is_told_by_name_counts() {
        let files = [
            (
                "manage.py",
                "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
            ),
            (
                "shop/settings.py",
                "INSTALLED_APPS = ['django.contrib.admin', \"rest_framework\", 'corsheaders.apps.X', 'shop', 'requests']\n",
            ),
        ];
        let (known, unknown) = of(&files);
        assert_eq!(
            known,
            ["django", "django-cors-headers", "djangorestframework"]
        );
        assert!(unknown.is_empty());
    }

    #[test]
    fn every_distribution_is_a_plain_name() {
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        for (module, dist) in &KNOWN.distributions {
            assert!(
                !dist.is_empty() && dist.chars().all(plain),
                "{module}: {dist}"
            );
        }
        assert!(KNOWN.stdlib.contains("os") && KNOWN.stdlib.contains("distutils"));
    }
}
