//! pip's requirements files: the names they ask for, through their `-r` includes.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Tree, relative};

/// A requirement: the extras asked for, and the file that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub extras: BTreeSet<String>,
    pub file: String,
}

/// Adds what `file` and the files it includes ask for.
pub fn collect(tree: &dyn Tree, file: &str, cap: usize, found: &mut BTreeMap<String, Requirement>) {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![file.to_owned()];
    while let Some(file) = waiting.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let Some(text) = tree.read(&file, cap) else {
            continue;
        };
        for line in text.replace("\\\n", " ").lines() {
            match parse_line(line) {
                Line::Nothing => {}
                Line::Include(path) => {
                    let beside = file.rsplit_once('/').map_or("", |(dir, _)| dir);
                    waiting.extend(relative(format!("{beside}/{path}").trim_start_matches('/')));
                }
                Line::Names(name, extras) => add(found, &name, extras, &file),
            }
        }
    }
}

/// Adds one requirement; the first file that asks is the one remembered.
pub fn add(
    found: &mut BTreeMap<String, Requirement>,
    name: &str,
    extras: BTreeSet<String>,
    file: &str,
) {
    found
        .entry(normal(name))
        .or_insert_with(|| Requirement {
            extras: BTreeSet::new(),
            file: file.to_owned(),
        })
        .extras
        .extend(extras);
}

/// The name and extras at the beginning of `name[extra,…] >= 1; marker`.
pub fn name_and_extras(text: &str) -> Option<(String, BTreeSet<String>)> {
    let text = text.trim();
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let end = text.find(|c| !inner(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    // What follows a name is a version, extras, a marker or `@ URL`; else it is a path or a URL.
    let rest = rest.trim_start();
    if !rest.is_empty()
        && !rest.starts_with(['[', '=', '<', '>', '!', '~', ';', '@', '(', ',', '#'])
    {
        return None;
    }
    let extras = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or("", |it| it.0);
    let extras = extras
        .split(',')
        .map(normal)
        .filter(|it| !it.is_empty())
        .collect();
    Some((name.to_owned(), extras))
}

/// `Flask_SQLAlchemy` and `flask-sqlalchemy` are one name.
pub fn normal(name: &str) -> String {
    let mut normal = String::new();
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}

enum Line<'a> {
    Nothing,
    Include(&'a str),
    Names(String, BTreeSet<String>),
}

fn parse_line(line: &str) -> Line<'_> {
    let line = line.trim_start_matches('\u{feff}');
    let line = line
        .split_once(" #")
        .map_or(line, |(before, _)| before)
        .trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    for flag in ["-r", "--requirement"] {
        if let Some(rest) = line.strip_prefix(flag) {
            return Line::Include(rest.trim_start_matches(['=', ' ', '\t']).trim_end());
        }
    }
    // A package by its URL may name itself in a fragment.
    if let Some((_, egg)) = line.split_once("#egg=") {
        return name_and_extras(egg.split('&').next().unwrap_or(egg))
            .map_or(Line::Nothing, |(name, extras)| Line::Names(name, extras));
    }
    name_and_extras(line).map_or(Line::Nothing, |(name, extras)| Line::Names(name, extras))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tree::memory::MemoryTree;

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        let mut found = BTreeMap::new();
        collect(
            &MemoryTree::new(files.iter().copied()),
            files[0].0,
            1 << 16,
            &mut found,
        );
        found.into_keys().collect()
    }

    #[test]
    fn names_are_read_as_pip_reads_them() {
        let text = "# flask\n\nDjango>=5 # tornado\nFlask_SQLAlchemy == 3.1 ; python_version < '4'\n\
            uvicorn[standard]\nrequests @ https://x/y.whl\n-e git+https://x/y.git#egg=bottle\n\
            --index-url https://x\n-c constraints.txt\n./local/pkg\nhttps://x/falcon.whl\nlong \\\n  ==1.0\n";
        assert_eq!(
            names(&[("requirements.txt", text)]),
            [
                "bottle",
                "django",
                "flask-sqlalchemy",
                "long",
                "requests",
                "uvicorn"
            ]
        );
    }

    #[test]
    fn includes_are_followed_from_where_they_are_written_and_circles_end() {
        let files = [
            (
                "requirements/dev.txt",
                "-r base.txt\n--requirement=../more.txt\npytest\n",
            ),
            ("requirements/base.txt", "-r dev.txt\nflask\n"),
            ("more.txt", "gunicorn\n-r ../../outside.txt\n"),
        ];
        assert_eq!(names(&files), ["flask", "gunicorn", "pytest"]);
    }

    #[test]
    fn extras_are_kept() {
        let (name, extras) = name_and_extras("fastapi[Standard, all]>=0.1").unwrap();
        assert_eq!((name.as_str(), extras.len()), ("fastapi", 2));
        assert!(extras.contains("standard"));
    }
}
