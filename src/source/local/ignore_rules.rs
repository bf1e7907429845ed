//! `IgnoreRules`: what is left out of a project, one answer for scans, single paths and watches.
//!
//! From the strongest: what is never taken; `.codemateignore` (nearest first, may include again);
//! what the settings include; the patterns of settings and plan to ignore (may include again); what
//! is taken in spite of what follows: the environment's files, and what git tracks; then any of
//! `.gitignore` (nearest first) and `.dockerignore`. What lies below an ignored directory is ignored.

use std::{collections::BTreeMap, sync::Arc};

use ignore::{
    Match,
    gitignore::{Gitignore, Glob},
};
use parking_lot::{Mutex, MutexGuard};

use super::{
    dockerignore::DockerIgnore,
    exceptions::{Exception, Exceptions},
    ignore_files::{DOCKER, DirRules, IgnoreChain, IgnoreLine, LONGEST_FILE, is_ignore_file},
    left_out::LeftOut,
};
use crate::source::{PathRefusal, PathRefusalReason, RootDir, is_at_or_below};

#[derive(Debug)]
pub struct IgnoreRules {
    extra: Gitignore,
    exceptions: Exceptions,
    docker: DockerIgnore,
    /// Read when first asked for.
    dirs: Mutex<BTreeMap<String, Option<Arc<DirRules>>>>,
}

/// Why an entry is left out.
#[derive(Debug, Clone, Copy)]
pub enum IgnoreRule<'a> {
    /// It is made by tools on this machine for this machine, or by editors in passing.
    Never,
    /// A line of a `.codemateignore`.
    Own(IgnoreLine<'a>),
    /// A pattern of the settings or the plan.
    Pattern(&'a Glob),
    /// A line of a `.gitignore`.
    Git(IgnoreLine<'a>),
    /// This line of `.dockerignore`, from 1.
    Docker(usize),
    /// A rule for a directory above it, which is read for other files alone.
    Above,
}

impl IgnoreRules {
    pub fn load(root: &RootDir, extra: Gitignore, exceptions: Exceptions) -> Self {
        // A list of what an image takes says nothing of what the sources need.
        let docker = root
            .text(DOCKER, LONGEST_FILE)
            .map(|text| DockerIgnore::parse(&text))
            .filter(|docker| !docker.is_a_list_of_exceptions())
            .unwrap_or_else(DockerIgnore::none);
        Self {
            extra,
            exceptions,
            docker,
            dirs: Mutex::default(),
        }
    }

    pub fn refusals(&self) -> impl Iterator<Item = PathRefusal> {
        self.docker
            .bad_lines()
            .iter()
            .map(|&line| PathRefusal::new(DOCKER, PathRefusalReason::BadPattern { line }))
    }

    /// For the entries of `dir`, which is taken or read through.
    pub fn chain(&self, root: &RootDir, dir: &str) -> IgnoreChain {
        let mut chain = IgnoreChain {
            rules: Vec::new(),
            is_passage: false,
        };
        let ends = dir.match_indices('/').map(|(at, _)| at);
        let dirs = ends.chain([dir.len()]).map(|end| &dir[..end]);
        chain.rules.extend(self.of_dir(root, ""));
        for dir in dirs.filter(|dir| !dir.is_empty()) {
            chain.is_passage = self.leads_through(&chain, dir);
            if let Some(rules) = self.of_dir(root, dir) {
                chain.rules.insert(0, rules);
            }
        }
        chain
    }

    /// Whether of what is below `dir` only that is taken which is for a reason of its own.
    fn leads_through(&self, chain: &IgnoreChain, dir: &str) -> bool {
        let is_freed = matches!(
            chain.verdict(dir, true, |rules| &rules.own),
            Match::Whitelist(_)
        );
        if is_freed || self.exceptions.of_settings(dir, true) == Exception::Taken {
            return false;
        }
        match self.extra.matched(dir, true) {
            Match::Whitelist(_) => false,
            Match::Ignore(_) => true,
            Match::None => chain.is_passage || self.named(chain, dir, true).is_some(),
        }
    }

    /// Whether the entry at `path` is left out, its parents being taken. For a directory: whether
    /// nothing below it can be taken.
    pub fn ignores_entry(
        &self,
        root: &RootDir,
        chain: &IgnoreChain,
        path: &str,
        is_dir: bool,
    ) -> bool {
        self.rule_for(root, chain, path, is_dir).is_some()
    }

    /// The rule that leaves the entry at `path` out, its parents being taken.
    pub fn rule_for<'a>(
        &'a self,
        root: &RootDir,
        chain: &'a IgnoreChain,
        path: &str,
        is_dir: bool,
    ) -> Option<IgnoreRule<'a>> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if is_never_taken(name, is_dir) {
            return Some(IgnoreRule::Never);
        }
        if !is_dir && is_ignore_file(path) {
            return None;
        }
        match chain.verdict(path, is_dir, |rules| &rules.own) {
            Match::Ignore(line) => return Some(IgnoreRule::Own(line)),
            Match::Whitelist(_) => return None,
            Match::None => {}
        }
        if self.exceptions.of_settings(path, is_dir) != Exception::None {
            return None;
        }
        match self.extra.matched(path, is_dir) {
            Match::Ignore(glob) => return Some(IgnoreRule::Pattern(glob)),
            Match::Whitelist(_) => return None,
            Match::None => {}
        }
        let rule = match self.named(chain, path, is_dir) {
            None if chain.is_passage => IgnoreRule::Above,
            rule => rule?,
        };
        let exception = self.exceptions.of_project(root, path, is_dir);
        (exception == Exception::None).then_some(rule)
    }

    /// The rule of git's or Docker's that names it.
    fn named<'a>(
        &'a self,
        chain: &'a IgnoreChain,
        path: &str,
        is_dir: bool,
    ) -> Option<IgnoreRule<'a>> {
        if let Match::Ignore(line) = chain.verdict(path, is_dir, |rules| &rules.git) {
            return Some(IgnoreRule::Git(line));
        }
        if !is_dir && is_read_by_tools(path) {
            return None;
        }
        let line = |freed| {
            if is_dir {
                self.docker.prunes(path, freed)
            } else {
                self.docker.excludes(path, freed)
            }
        };
        line(0)?;
        line(self.freed(chain, path)).map(IgnoreRule::Docker)
    }

    /// Whether `path` is left out, nothing being known of its parents.
    pub fn ignores(&self, root: &RootDir, path: &str, is_dir: bool) -> bool {
        steps(path, is_dir).any(|(entry, is_dir)| {
            self.ignores_entry(root, &self.chain(root, parent(entry)), entry, is_dir)
        })
    }

    /// The same, and why.
    pub fn left_out(&self, root: &RootDir, path: &str, is_dir: bool) -> Option<LeftOut> {
        steps(path, is_dir).find_map(|(entry, is_dir)| {
            let chain = self.chain(root, parent(entry));
            let rule = self.rule_for(root, &chain, entry, is_dir)?;
            match rule {
                IgnoreRule::Above => self.above(root, entry),
                rule => Some(LeftOut::ruled(root, entry, is_dir, rule)),
            }
        })
    }

    /// The first directory above `path` that a rule names.
    fn above(&self, root: &RootDir, path: &str) -> Option<LeftOut> {
        steps(parent(path), true).find_map(|(dir, _)| {
            let chain = self.chain(root, parent(dir));
            let rule = match self.extra.matched(dir, true) {
                Match::Ignore(glob) => IgnoreRule::Pattern(glob),
                _ => self.named(&chain, dir, true)?,
            };
            let why = LeftOut::ruled(root, dir, true, rule).why;
            Some(LeftOut {
                path: path.to_owned(),
                why,
            })
        })
    }

    /// The rule of git's or Docker's for a file of the environment that is taken in spite of it.
    pub fn in_spite_of(&self, root: &RootDir, path: &str) -> Option<LeftOut> {
        let chain = self.chain(root, parent(path));
        let rule = self.named(&chain, path, false)?;
        let is_taken = self.rule_for(root, &chain, path, false).is_none();
        is_taken.then(|| LeftOut::ruled(root, path, false, rule))
    }

    /// Read the ignore files at and below `path` again: another directory may have taken its name.
    pub fn forget(&self, path: &str) {
        self.cached().retain(|dir, _| !is_at_or_below(dir, path));
    }

    /// How many leading names of `path` make a directory that was included again.
    fn freed(&self, chain: &IgnoreChain, path: &str) -> usize {
        let parents = path
            .match_indices('/')
            .map(|(at, _)| &path[..at])
            .enumerate();
        let is_freed = |dir: &str| match chain.verdict(dir, true, |rules| &rules.own) {
            Match::None => self.extra.matched(dir, true).is_whitelist(),
            stated => stated.is_whitelist(),
        };
        let freed = parents.filter(|(_, dir)| is_freed(dir));
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
        self.dirs.lock()
    }
}

/// The directories that `path` is in, from the top, and itself.
fn steps(path: &str, is_dir: bool) -> impl Iterator<Item = (&str, bool)> {
    let ends = path.match_indices('/').map(|(at, _)| (at, true));
    let all = ends.chain([(path.len(), is_dir)]);
    all.map(|(end, is_dir)| (&path[..end], is_dir))
        .filter(|(entry, _)| !entry.is_empty())
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// Files at the top that package managers and servers read by name. `.dockerignore` leaves them out
/// of an image, where they were read before or are copied by themselves.
fn is_read_by_tools(path: &str) -> bool {
    const ENDINGS: [&str; 9] = [
        "toml", "lock", "json", "yaml", "yml", "cfg", "ini", "in", "lockb",
    ];
    const BEGINNINGS: [&str; 8] = [
        "README",
        "LICENSE",
        "LICENCE",
        "CHANGELOG",
        "requirements",
        "Procfile",
        "Pipfile",
        "setup.py",
    ];
    let has_ending = || {
        let ending = path.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| ENDINGS.contains(&ending))
    };
    let begins = || BEGINNINGS.iter().any(|begin| path.starts_with(begin));
    !path.contains('/') && (begins() || has_ending())
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
