//! pip's requirements files: the names they ask for, through their `-r` includes.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::files::tree::{Tree, relative};

/// A requirement: what is asked for, and the file that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub extras: BTreeSet<String>,
    /// As written after the name, such as `>=1.0,<2`; empty for any version.
    pub versions: String,
    pub file: String,
}

/// A line's package: name, extras, versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRequirement {
    pub name: String,
    pub extras: BTreeSet<String>,
    pub versions: String,
}

/// By normal name.
pub type Requirements = BTreeMap<String, Requirement>;

/// Adds what `file` and the files it includes ask for. Those files are given back.
pub fn collect(
    tree: &dyn Tree,
    file: &str,
    cap: usize,
    found: &mut Requirements,
) -> BTreeSet<String> {
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
                RequirementLine::Nothing => {}
                RequirementLine::Include(path) => {
                    let beside = file.rsplit_once('/').map_or("", |(dir, _)| dir);
                    waiting.extend(relative(format!("{beside}/{path}").trim_start_matches('/')));
                }
                RequirementLine::Names(named) => add(found, named, &file),
            }
        }
    }
    seen
}

/// Adds one requirement; the first file that asks is the one remembered.
pub fn add(found: &mut Requirements, named: NamedRequirement, file: &str) {
    let known = found
        .entry(normal(&named.name))
        .or_insert_with(|| Requirement {
            extras: BTreeSet::new(),
            versions: String::new(),
            file: file.to_owned(),
        });
    known.extras.extend(named.extras);
    if known.versions.is_empty() {
        known.versions = named.versions;
    }
}

/// What `name[extra,…] >= 1; marker` names.
pub fn named(text: &str) -> Option<NamedRequirement> {
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
    let (extras, rest) = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .unwrap_or(("", rest));
    let extras = extras
        .split(',')
        .map(normal)
        .filter(|it| !it.is_empty())
        .collect();
    Some(NamedRequirement {
        name: name.to_owned(),
        extras,
        versions: versions(rest).to_owned(),
    })
}

/// `(>=1.0) ; marker` without what is no version.
fn versions(rest: &str) -> &str {
    let end = rest.find([';', '#']).unwrap_or(rest.len());
    let rest = rest[..end].split(" --").next().unwrap_or("").trim();
    let rest = rest.trim_start_matches('(').trim_end_matches(')').trim();
    if rest.starts_with('@') { "" } else { rest }
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

enum RequirementLine<'a> {
    Nothing,
    Include(&'a str),
    Names(NamedRequirement),
}

fn parse_line(line: &str) -> RequirementLine<'_> {
    let line = line.trim_start_matches('\u{feff}');
    let line = line
        .split_once(" #")
        .map_or(line, |(before, _)| before)
        .trim();
    if line.is_empty() || line.starts_with('#') {
        return RequirementLine::Nothing;
    }
    for flag in ["-r", "--requirement"] {
        if let Some(rest) = line.strip_prefix(flag) {
            return RequirementLine::Include(rest.trim_start_matches(['=', ' ', '\t']).trim_end());
        }
    }
    // A package by its URL may name itself in a fragment.
    if let Some((_, egg)) = line.split_once("#egg=") {
        let egg = egg.split('&').next().unwrap_or(egg);
        return named(egg).map_or(RequirementLine::Nothing, RequirementLine::Names);
    }
    named(line).map_or(RequirementLine::Nothing, RequirementLine::Names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

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
    fn extras_and_versions_are_kept() {
        let found = named("fastapi[Standard, all]>=0.1").unwrap();
        assert_eq!((found.name.as_str(), found.extras.len()), ("fastapi", 2));
        assert!(found.extras.contains("standard"));
        for (line, versions) in [
            ("fastapi[all]>=0.1", ">=0.1"),
            ("Flask", ""),
            ("Flask == 1.1.2 ; python_version < '4'", "== 1.1.2"),
            ("flask (>=2,<3)", ">=2,<3"),
            ("flask==1.0 --hash=sha256:00", "==1.0"),
            ("flask @ https://x/y.whl", ""),
        ] {
            assert_eq!(named(line).unwrap().versions, versions, "{line}");
        }
    }
}
