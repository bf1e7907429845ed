//! Where the modules of a Python file are found from, by what it imports.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^[ \t]*(?:from|import)[ \t]+(?P<dots>\.*)(?P<name>[A-Za-z_]\w*)?")
        .expect("a constant")
});

/// The directory that has to be on the module path for the file at `path`; `.` for the root.
///
/// Of the directories above the file it is the one that most of its imports are found from; where
/// several are as good, `src` if that is no package, else the highest.
pub fn source_root(files: &[String], path: &str, text: &str) -> String {
    let dir = path.rsplit_once('/').map_or("", |it| it.0);
    let mut depth = if dir.is_empty() {
        0
    } else {
        dir.matches('/').count() + 1
    };
    let mut names = BTreeSet::new();
    // A package is found from the directory that it is in.
    let mut levels = usize::from(path.ends_with("__init__.py"));
    for import in IMPORT.captures_iter(text) {
        match import["dots"].len() {
            0 => names.extend(import.name("name").map(|it| it.as_str())),
            dots => levels = levels.max(dots),
        }
    }
    depth = depth.saturating_sub(levels);
    // A directory whose name is none of a module cannot be gone through by an import.
    let lowest = dir
        .split('/')
        .enumerate()
        .filter(|(_, name)| !is_name(name))
        .last()
        .map_or(0, |(at, _)| at + 1);
    let above = (lowest..=depth.max(lowest)).map(|depth| {
        let end = dir
            .match_indices('/')
            .nth(depth.saturating_sub(1))
            .map_or(dir.len(), |it| it.0);
        if depth == 0 { "" } else { &dir[..end] }
    });
    let is_source_dir = |dir: &str| dir == "src" && !has(files, "src/__init__.py");
    let best = above.max_by_key(|from| {
        let found = names.iter().filter(|name| is_module(files, from, name));
        (
            found.count(),
            is_source_dir(from),
            std::cmp::Reverse(from.len()),
        )
    });
    match best {
        None | Some("") => ".".to_owned(),
        Some(dir) => dir.to_owned(),
    }
}

/// `app/main.py` as `app.main`, `shop/__init__.py` as `shop`.
pub fn module(path: &str, source_root: &str) -> String {
    let path = path
        .strip_prefix(source_root)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(path);
    let path = path.strip_suffix(".py").unwrap_or(path);
    path.strip_suffix("/__init__")
        .unwrap_or(path)
        .replace('/', ".")
}

/// The file of a module that a command names: from the root, from `src`, or from wherever there is
/// such a file nearest the top.
pub fn file_of(files: &[String], module: &str) -> Option<String> {
    let path = module.replace('.', "/");
    let ends = [format!("{path}.py"), format!("{path}/__init__.py")];
    let at = |dir: &str| {
        let mut paths = ends.iter().map(|end| format!("{dir}{end}"));
        paths.find(|path| has(files, path))
    };
    at("").or_else(|| at("src/")).or_else(|| {
        let inside = |file: &&String| ends.iter().any(|end| file.ends_with(&format!("/{end}")));
        files.iter().find(inside).cloned()
    })
}

fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    name.is_empty() || name.chars().all(inner) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_module(files: &[String], from: &str, name: &str) -> bool {
    let base = if from.is_empty() {
        name.to_owned()
    } else {
        format!("{from}/{name}")
    };
    let (file, package) = (format!("{base}.py"), format!("{base}/"));
    files
        .iter()
        .any(|it| *it == file || it.starts_with(&package) && ends_in(it, "py"))
}

fn ends_in(path: &str, extension: &str) -> bool {
    std::path::Path::new(path)
        .extension()
        .is_some_and(|it| it == extension)
}

fn has(files: &[String], path: &str) -> bool {
    files.iter().any(|file| file == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &str) -> Vec<String> {
        list.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn modules_are_named_from_their_source_root() {
        for (path, root, expected) in [
            ("app.py", ".", "app"),
            ("app/main.py", ".", "app.main"),
            ("shop/__init__.py", ".", "shop"),
            ("src/shop/main.py", "src", "shop.main"),
            ("src/main.py", ".", "src.main"),
            ("source/main.py", "so", "source.main"),
        ] {
            assert_eq!(module(path, root), expected, "{path}");
        }
    }

    #[test]
    fn imports_say_where_modules_are_found_from() {
        for (list, path, text, expected) in [
            ("main.py db.py", "main.py", "import db", "."),
            ("app/main.py", "app/main.py", "import os", "."),
            (
                "app/main.py app/db.py",
                "app/main.py",
                "from app.db import x",
                ".",
            ),
            (
                "app/main.py app/db.py",
                "app/main.py",
                "from db import x",
                "app",
            ),
            (
                "app/main.py app/db.py",
                "app/main.py",
                "from . import db",
                ".",
            ),
            (
                "a/b/main.py a/b/db.py",
                "a/b/main.py",
                "from .db import x",
                ".",
            ),
            (
                "a/b/main.py a/core/x.py",
                "a/b/main.py",
                "from core import x",
                "a",
            ),
            (
                "a/b/main.py a/b/c/x.py",
                "a/b/main.py",
                "from c import x",
                "a/b",
            ),
            ("src/main.py src/db.py", "src/main.py", "import db", "src"),
            (
                "src/main.py src/db.py",
                "src/main.py",
                "from src.db import x",
                ".",
            ),
            ("1-first/app.py", "1-first/app.py", "", "1-first"),
            ("Day 8/shop/app.py", "Day 8/shop/app.py", "", "Day 8"),
            ("src/main.py", "src/main.py", "", "src"),
            ("src/__init__.py src/main.py", "src/main.py", "", "."),
            ("src/shop/__init__.py", "src/shop/__init__.py", "", "src"),
            (
                "shop/__init__.py shop/db.py",
                "shop/__init__.py",
                "import db",
                ".",
            ),
        ] {
            assert_eq!(
                source_root(&files(list), path, text),
                expected,
                "{list}: {text}"
            );
        }
    }

    #[test]
    fn a_module_is_a_file() {
        let list = files("main.py src/web.py shop/__init__.py backend/app/api.py");
        for (module, expected) in [
            ("main", Some("main.py")),
            ("web", Some("src/web.py")),
            ("shop", Some("shop/__init__.py")),
            ("app.api", Some("backend/app/api.py")),
            ("api.v1", None),
        ] {
            assert_eq!(file_of(&list, module).as_deref(), expected, "{module}");
        }
    }
}
