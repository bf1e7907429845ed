//! Which of a project's requirements files are installed, whatever they are called.

use std::collections::BTreeSet;

use super::{
    requirement_parser::{self, Requirements},
    web_packages::is_web,
};
use crate::project::files::tree::Tree;

/// One that may be installed.
struct Candidate {
    file: String,
    rank: u8,
    names: Requirements,
    /// With those that it includes.
    files: BTreeSet<String>,
}

/// The files to install, and what they ask for. Of several that do not include each other that
/// which names a web framework is taken; of a project's environments the one to develop in.
pub fn chosen(tree: &dyn Tree, cap: usize) -> Option<(Vec<String>, Requirements)> {
    let at_top = tree.files().iter();
    let at_top = at_top.filter_map(|path| rank(path).zip(Some(path)));
    let mut listed: Vec<(u8, &String)> = at_top.collect();
    if listed.is_empty() {
        listed = aside(tree);
    }
    let mut candidates: Vec<Candidate> = listed
        .into_iter()
        .filter(|(_, path)| !is_compiled(tree, path))
        .map(|(rank, path)| {
            let mut names = Requirements::new();
            let files = requirement_parser::collect(tree, path, cap, &mut names);
            let file = path.clone();
            Candidate {
                file,
                rank,
                names,
                files,
            }
        })
        .collect();
    candidates.sort_by_key(|it| it.rank);
    let plain = candidates.iter().find(|it| it.rank == 0);
    let web = |it: &&Candidate| it.names.keys().any(|name| is_web(name));
    let best = match plain {
        // Made for one deployment; what is developed with lies beside what it includes.
        Some(plain) if only_includes(tree, plain, cap) => {
            let beside = candidates.iter().find(|it| it.rank == DEVELOP && web(it));
            beside.or(Some(plain))
        }
        Some(plain) if web(&plain) => Some(plain),
        _ => candidates.iter().find(web).or(candidates.first()),
    }?;
    let mut files = vec![best.file.clone()];
    let mut names = best.names.clone();
    if let Some(plain) =
        plain.filter(|it| !best.files.contains(&it.file) && !only_includes(tree, it, cap))
    {
        files.insert(0, plain.file.clone());
        for (name, requirement) in &plain.names {
            names
                .entry(name.clone())
                .or_insert_with(|| requirement.clone());
        }
    }
    Some((files, names))
}

/// Those of the highest directory that has some and no code, where the top has none: what a project
/// is deployed with lies there.
fn aside(tree: &dyn Tree) -> Vec<(u8, &String)> {
    const DEEPEST: usize = 3;
    let files = tree.files();
    let has_code = |dir: &str| {
        let inside = files.iter().filter_map(|it| it.strip_prefix(dir));
        inside
            .filter_map(|it| it.rsplit_once('.'))
            .any(|(_, end)| end == "py")
    };
    let mut found: Vec<(&str, u8, &String)> = Vec::new();
    for path in files {
        let ends = path.match_indices('/').map(|(at, _)| at + 1);
        let mut dirs = ends.take(DEEPEST).map(|end| path.split_at(end));
        found.extend(dirs.find_map(|(dir, rest)| Some((dir, rank(rest)?, path))));
    }
    found.retain(|(dir, _, _)| !has_code(dir));
    let highest = found.iter().map(|(dir, _, _)| *dir);
    let Some(highest) = highest.min_by_key(|dir| (dir.matches('/').count(), *dir)) else {
        return Vec::new();
    };
    found.retain(|(dir, _, _)| *dir == highest);
    found
        .into_iter()
        .map(|(_, rank, path)| (rank, path))
        .collect()
}

/// A `.in` file of which the compiled one is there too.
fn is_compiled(tree: &dyn Tree, path: &str) -> bool {
    path.strip_suffix(".in").is_some_and(|stem| {
        let compiled = format!("{stem}.txt");
        tree.files().contains(&compiled)
    })
}

/// Whether all its lines include others.
fn only_includes(tree: &dyn Tree, candidate: &Candidate, cap: usize) -> bool {
    let text = tree.read(&candidate.file, cap).unwrap_or_default();
    let lines = text.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    candidate.files.len() > 1
        && lines.all(|line| line.starts_with("-r") || line.starts_with("--req"))
}

const DEVELOP: u8 = 2;

/// How far down it is among those that may be installed; `None` if it is no requirements file.
fn rank(path: &str) -> Option<u8> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (stem, end) = name.rsplit_once('.')?;
    let (dir, stem) = (dir.to_ascii_lowercase(), stem.to_ascii_lowercase());
    let of_dir = matches!(dir.as_str(), "requirements" | "reqs" | "requires");
    let by_name = dir.is_empty()
        && (stem.contains("requirement")
            || matches!(
                stem.as_str(),
                "reqs" | "req" | "deps" | "dependencies" | "requires" | "requirments"
            ));
    if !(of_dir || by_name) || !matches!(end, "txt" | "in" | "pip") || stem.contains("constraint") {
        return None;
    }
    if dir.is_empty() && matches!(stem.as_str(), "requirements" | "requirement") {
        return Some(u8::from(end != "txt"));
    }
    let words: Vec<&str> = stem.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let says = |any: &[&str]| words.iter().any(|word| any.contains(word));
    Some(
        if says(&[
            "test", "tests", "testing", "ci", "lint", "docs", "doc", "build", "release",
        ]) {
            7
        } else if says(&[
            "windows", "win", "mac", "macos", "gpu", "cuda", "optional", "extra", "extras", "min",
        ]) {
            6
        } else if says(&[
            "prod",
            "production",
            "deploy",
            "heroku",
            "docker",
            "staging",
        ]) {
            5
        } else if says(&["dev", "develop", "development", "local", "debug"]) {
            DEVELOP
        } else if says(&[
            "base",
            "common",
            "main",
            "core",
            "app",
            "web",
            "server",
            "backend",
            "all",
            "requirements",
        ]) {
            3
        } else {
            4
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        chosen(&MemoryTree::new(files.iter().copied()), 1 << 16).map_or(Vec::new(), |it| it.0)
    }

    /// The files, and those that are installed.
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );

    const CASES: [Case; 14] = [
        (
            &[
                ("infra/requirements/base.txt", "fastapi"),
                ("infra/requirements/dev.txt", "-r base.txt\npytest"),
                ("src/main.py", ""),
            ],
            &["infra/requirements/dev.txt"],
        ),
        // An app's own.
        (&[("a/requirements.txt", "flask"), ("a/app.py", "")], &[]),
        (
            &[
                ("requirements.txt", "flask"),
                ("requirements-dev.txt", "pytest"),
            ],
            &["requirements.txt"],
        ),
        (
            &[("requirements-prod.txt", "flask")],
            &["requirements-prod.txt"],
        ),
        (
            &[("requirements_dev.txt", "flask")],
            &["requirements_dev.txt"],
        ),
        (
            &[("requirements/production.txt", "flask")],
            &["requirements/production.txt"],
        ),
        (
            &[
                ("requirements/base.txt", "django"),
                ("requirements/dev.txt", "-r base.txt\npytest"),
                ("requirements/prod.txt", "-r base.txt\npsycopg2"),
            ],
            &["requirements/dev.txt"],
        ),
        (
            &[
                ("requirements/base.txt", "django"),
                ("requirements/dev.txt", "black"),
            ],
            &["requirements/base.txt"],
        ),
        (
            &[
                ("requirements.txt", "-r requirements/production.txt\n"),
                ("requirements/production.txt", "-r base.txt\ngunicorn"),
                (
                    "requirements/local.txt",
                    "-r base.txt\ndjango-debug-toolbar",
                ),
                ("requirements/base.txt", "django"),
            ],
            &["requirements/local.txt"],
        ),
        (
            &[
                ("requirements.in", "flask"),
                ("requirements.txt", "flask==3"),
            ],
            &["requirements.txt"],
        ),
        (&[("requirements.in", "flask")], &["requirements.in"]),
        (
            &[
                ("requirements.txt", "requests"),
                ("requirements-web.txt", "flask"),
            ],
            &["requirements.txt", "requirements-web.txt"],
        ),
        (
            &[
                ("constraints.txt", "flask"),
                ("packages.txt", "flask"),
                ("notes.txt", "flask"),
            ],
            &[],
        ),
        (
            &[
                ("requirements-test.txt", "pytest"),
                ("requirements-base.txt", "x"),
            ],
            &["requirements-base.txt"],
        ),
    ];

    #[test]
    fn the_files_to_install_are_those_that_name_the_framework() {
        for (files, expected) in CASES {
            assert_eq!(of(files), expected, "{files:?}");
        }
    }
}
