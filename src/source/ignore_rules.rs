//! `Rules`: what is left out of a project, one answer for scans, single paths and watches.
//!
//! From the strongest: what is never taken; `.codemateignore` (nearest first, may include again);
//! the patterns of settings and plan (likewise); then any of `.gitignore` (nearest first) and
//! `.dockerignore`. What lies below an ignored directory is ignored.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{
    Refusal, Why, dockerignore::DockerIgnore, error::SourceError, is_at_or_below, root_dir::RootDir,
};

const GIT: &str = ".gitignore";
const DOCKER: &str = ".dockerignore";
const OWN: &str = ".codemateignore";
/// An ignore file that is longer is not one.
const LONGEST_FILE: u64 = 1 << 20;

/// Whether a change of this file changes what is ignored.
pub fn is_ignore_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == GIT || name == OWN || path == DOCKER
}

#[derive(Debug)]
pub struct Rules {
    extra: Gitignore,
    docker: DockerIgnore,
    /// Read when first asked for.
    dirs: Mutex<BTreeMap<String, Option<Arc<DirRules>>>>,
}

/// The ignore files of one directory.
#[derive(Debug)]
struct DirRules {
    dir: String,
    own: Gitignore,
    git: Gitignore,
}

/// The rules that apply to the entries of one directory, nearest first.
#[derive(Debug, Clone)]
pub struct Chain(Vec<Arc<DirRules>>);

/// The patterns of settings and plan, in gitignore syntax.
pub fn parse_extra(patterns: &[String]) -> Result<Gitignore, SourceError> {
    let mut builder = GitignoreBuilder::new(".");
    for pattern in patterns {
        builder
            .add_line(None, pattern)
            .map_err(|_| SourceError::BadIgnore {
                pattern: pattern.clone(),
            })?;
    }
    builder.build().map_err(|_| SourceError::BadIgnore {
        pattern: patterns.join(" "),
    })
}

impl Rules {
    pub fn load(root: &RootDir, extra: Gitignore) -> Self {
        let docker = root
            .text(DOCKER, LONGEST_FILE)
            .map_or_else(DockerIgnore::none, |text| DockerIgnore::parse(&text));
        Self {
            extra,
            docker,
            dirs: Mutex::default(),
        }
    }

    pub fn refusals(&self) -> impl Iterator<Item = Refusal> {
        self.docker
            .bad_lines()
            .iter()
            .map(|&line| Refusal::new(DOCKER, Why::BadPattern { line }))
    }

    pub fn chain(&self, root: &RootDir, dir: &str) -> Chain {
        let mut chain = Vec::new();
        let mut dir = Some(dir);
        while let Some(at) = dir {
            chain.extend(self.of_dir(root, at));
            dir = match at.rsplit_once('/') {
                Some((parent, _)) => Some(parent),
                None => (!at.is_empty()).then_some(""),
            };
        }
        Chain(chain)
    }

    /// Whether the entry at `path` is left out, its parents being taken. For a directory: whether
    /// nothing below it can be taken.
    pub fn ignores_entry(&self, chain: &Chain, path: &str, is_dir: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        if is_never_taken(name, is_dir) {
            return true;
        }
        if !is_dir && is_ignore_file(path) {
            return false;
        }
        match self.stated(chain, path, is_dir) {
            Match::Ignore(()) => return true,
            Match::Whitelist(()) => return false,
            Match::None => {}
        }
        if matches!(
            chain.verdict(path, is_dir, |rules| &rules.git),
            Match::Ignore(())
        ) {
            return true;
        }
        let excluded = |freed| {
            if is_dir {
                self.docker.prunes(path, freed)
            } else {
                self.docker.excludes(path, freed)
            }
        };
        excluded(0) && excluded(self.freed(chain, path))
    }

    /// The same for a path of which nothing is known.
    pub fn ignores(&self, root: &RootDir, path: &str, is_dir: bool) -> bool {
        let ends = path
            .match_indices('/')
            .map(|(at, _)| (at, true))
            .chain([(path.len(), is_dir)]);
        ends.into_iter().any(|(end, is_dir)| {
            let entry = &path[..end];
            let dir = entry.rsplit_once('/').map_or("", |(dir, _)| dir);
            !entry.is_empty() && self.ignores_entry(&self.chain(root, dir), entry, is_dir)
        })
    }

    /// Read the ignore files at and below `path` again: another directory may have taken its name.
    pub fn forget(&self, path: &str) {
        self.cached().retain(|dir, _| !is_at_or_below(dir, path));
    }

    /// What the rules say that can also include again.
    fn stated(&self, chain: &Chain, path: &str, is_dir: bool) -> Match<()> {
        match chain.verdict(path, is_dir, |rules| &rules.own) {
            Match::None => self.extra.matched(path, is_dir).map(|_| ()),
            stated => stated,
        }
    }

    /// How many leading names of `path` make a directory that was included again.
    fn freed(&self, chain: &Chain, path: &str) -> usize {
        let parents = path
            .match_indices('/')
            .map(|(at, _)| &path[..at])
            .enumerate();
        let freed = parents
            .filter(|(_, dir)| matches!(self.stated(chain, dir, true), Match::Whitelist(())));
        freed.last().map_or(0, |(index, _)| index + 1)
    }

    fn of_dir(&self, root: &RootDir, dir: &str) -> Option<Arc<DirRules>> {
        if let Some(known) = self.cached().get(dir) {
            return known.clone();
        }
        let rules = DirRules::read(root, dir).map(Arc::new);
        self.cached().insert(dir.to_owned(), rules.clone());
        rules
    }

    fn cached(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<DirRules>>>> {
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DirRules {
    fn read(root: &RootDir, dir: &str) -> Option<Self> {
        let own = read_gitignore(root, dir, OWN);
        let git = read_gitignore(root, dir, GIT);
        if own.is_none() && git.is_none() {
            return None;
        }
        let or_empty = |rules: Option<Gitignore>| rules.unwrap_or_else(Gitignore::empty);
        Some(Self {
            dir: dir.to_owned(),
            own: or_empty(own),
            git: or_empty(git),
        })
    }
}

impl Chain {
    fn verdict(&self, path: &str, is_dir: bool, of: impl Fn(&DirRules) -> &Gitignore) -> Match<()> {
        let below = |dir: &str| match path.strip_prefix(dir) {
            Some(rest) if !dir.is_empty() => rest.strip_prefix('/'),
            rest => rest,
        };
        // A shorter path than the chain was made for has fewer directories above it.
        self.0
            .iter()
            .filter_map(|rules| {
                below(&rules.dir).map(|rest| of(rules).matched(rest, is_dir).map(|_| ()))
            })
            .find(|verdict| !verdict.is_none())
            .unwrap_or(Match::None)
    }
}

fn read_gitignore(root: &RootDir, dir: &str, name: &str) -> Option<Gitignore> {
    let path = if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    };
    let text = root.text(&path, LONGEST_FILE)?;
    let mut builder = GitignoreBuilder::new(".");
    for line in text.strip_prefix('\u{feff}').unwrap_or(&text).lines() {
        // As git does, a line that is no pattern is passed over.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}

/// Made by tools on this machine for this machine, or by editors in passing.
fn is_never_taken(name: &str, is_dir: bool) -> bool {
    match name {
        ".git" | ".hg" | ".svn" | ".jj" | "node_modules" | ".venv" | "__pycache__"
        | ".codemate" | ".DS_Store" | "Thumbs.db" | ".tox" | ".nox" | ".mypy_cache"
        | ".pytest_cache" | ".ruff_cache" => true,
        "venv" => is_dir,
        _ => {
            let has = |extension: &str| name.rsplit_once('.').is_some_and(|(_, e)| e == extension);
            has("pyc") || has("swp") || has("swx") || name.ends_with('~') || name.starts_with(".#")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn ignored(root: &Path, extra: &[&str], path: &str) -> bool {
        let extra: Vec<String> = extra.iter().map(|&line| line.to_owned()).collect();
        let dir = RootDir::open(root).unwrap();
        let rules = Rules::load(&dir, parse_extra(&extra).unwrap());
        let (path, is_dir) = path
            .strip_suffix('/')
            .map_or((path, false), |path| (path, true));
        rules.ignores(&dir, path, is_dir)
    }

    #[test]
    fn gitignore_nests_negates_and_prunes() {
        let dir = tree(&[
            (
                ".gitignore",
                "*.log\nbuild/\n/top\n!keep.log\nout/\n!out/kept\ndoc/*.txt\n\\!x\r\n",
            ),
            ("a/.gitignore", "!*.log\nlocal\n"),
            ("a/b/.gitignore", "/anchored\n"),
        ]);
        let table = [
            ("x.log", true),
            ("keep.log", false),
            ("a/x.log", false),
            ("a/b/x.log", false),
            ("c/x.log", true),
            ("build/", true),
            ("build", false),
            ("c/build/", true),
            ("build/deep/file", true),
            ("top", true),
            ("c/top", false),
            ("out/kept", true),
            ("doc/a.txt", true),
            ("doc/d/a.txt", false),
            ("!x", true),
            ("a/local", true),
            ("local", false),
            ("a/c/local", true),
            ("a/b/anchored", true),
            ("a/anchored", false),
            ("a/b/c/anchored", false),
            (".gitignore", false),
            ("a", false),
        ];
        for (path, expected) in table {
            assert_eq!(ignored(dir.path(), &[], path), expected, "{path}");
        }
    }

    #[test]
    fn some_things_are_never_taken() {
        let dir = tree(&[(".codemateignore", "!node_modules\n!.git\n")]);
        for path in [
            ".git/",
            ".git",
            "a/.git/config",
            "node_modules/",
            "a/node_modules/b/c.js",
            ".venv/",
            "venv/",
            "x/__pycache__/",
            "x/y.pyc",
            ".DS_Store",
            ".codemate/",
            "a.py.swp",
            "a.py~",
        ] {
            assert!(ignored(dir.path(), &[], path), "{path}");
        }
        for path in ["venv", "git", "a.py", ".gitattributes", ".env"] {
            assert!(!ignored(dir.path(), &[], path), "{path}");
        }
    }

    #[test]
    fn our_own_file_is_the_strongest() {
        let dir = tree(&[
            (".gitignore", "dist/\n.env\n"),
            (".dockerignore", "dist\n**/*.map\nlogs\n"),
            (".codemateignore", "!dist/\n!.env\nsecret\n!kept\n"),
            ("a/.codemateignore", "!secret\n"),
        ]);
        let table = [
            ("dist/", false),
            ("dist/a.js", false),
            ("dist/a.map", true),
            (".env", false),
            ("secret", true),
            ("a/secret", false),
            ("logs/x", true),
            ("kept", false),
            ("extra", true),
            ("a/extra", true),
        ];
        for (path, expected) in table {
            assert_eq!(
                ignored(dir.path(), &["extra", "kept"], path),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn ignore_files_are_taken_themselves() {
        let dir = tree(&[(".gitignore", ".*\n"), (".dockerignore", "**\n!app\n")]);
        for path in [
            ".gitignore",
            ".dockerignore",
            "app/.gitignore",
            ".codemateignore",
            "app/x",
        ] {
            assert!(!ignored(dir.path(), &[], path), "{path}");
        }
        assert!(ignored(dir.path(), &[], "a/.gitignore"));
        assert!(ignored(dir.path(), &[], "other"));
    }

    #[test]
    fn a_bad_pattern_of_the_settings_is_named() {
        let bad = parse_extra(&["a{b".to_owned()]).unwrap_err();
        assert_eq!(
            bad,
            SourceError::BadIgnore {
                pattern: "a{b".to_owned()
            }
        );
    }
}
