//! What is taken although an ignore file names it: what the settings include, the environment that a
//! project brings, and what git tracks.

use std::sync::OnceLock;

use ignore::{Match, gitignore::Gitignore};

use super::git_index::GitTracked;
use crate::{
    config::{is_env_name, is_sample_name},
    source::RootDir,
};

#[derive(Debug)]
pub struct Exceptions {
    include: Gitignore,
    /// The names that each pattern to include begins with, as far as they are plain.
    ways: Vec<ParentDirs>,
    /// Directories whose own `.env` files are taken.
    env_dirs: Vec<String>,
    /// Read when something is ignored that may be in it.
    tracked: OnceLock<GitTracked>,
}

/// What a pattern says of the directories that its matches are in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ParentDirs {
    names: Vec<String>,
    /// Matches may be at any depth below those names.
    is_open: bool,
}

/// What an exception says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    None,
    Taken,
    /// It is a directory on the way to what is taken.
    Passage,
}

impl Exceptions {
    /// `patterns` are those of `include`.
    pub fn new(include: Gitignore, patterns: &[String], app_root: &str) -> Self {
        let mut env_dirs = vec![String::new()];
        if !app_root.is_empty() {
            env_dirs.push(app_root.to_owned());
        }
        Self {
            include,
            ways: patterns
                .iter()
                .filter_map(|it| ParentDirs::of(it))
                .collect(),
            env_dirs,
            tracked: OnceLock::new(),
        }
    }

    pub fn of_settings(&self, path: &str, is_dir: bool) -> Exception {
        if self.include.is_empty() {
            return Exception::None;
        }
        match self.include.matched_path_or_any_parents(path, is_dir) {
            Match::Ignore(_) => Exception::Taken,
            Match::None if is_dir && self.ways.iter().any(|way| way.leads_by(path)) => {
                Exception::Passage
            }
            Match::Whitelist(_) | Match::None => Exception::None,
        }
    }

    /// Of files that the rules of git or Docker name.
    pub fn of_project(&self, root: &RootDir, path: &str, is_dir: bool) -> Exception {
        if !is_dir && self.is_env_file(path) {
            return Exception::Taken;
        }
        let tracked = self.tracked.get_or_init(|| GitTracked::read(root));
        if is_dir && tracked.holds_below(path) {
            Exception::Passage
        } else if !is_dir && tracked.holds(path) {
            Exception::Taken
        } else {
            Exception::None
        }
    }

    fn is_env_file(&self, path: &str) -> bool {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        (is_env_name(name) || is_sample_name(name)) && self.env_dirs.iter().any(|it| it == dir)
    }
}

impl ParentDirs {
    fn of(pattern: &str) -> Option<Self> {
        let pattern = pattern.trim();
        if pattern.is_empty() || pattern.starts_with(['!', '#']) {
            return None;
        }
        let all: Vec<&str> = pattern.split('/').filter(|name| !name.is_empty()).collect();
        let plain = |name: &&&str| !name.contains(['*', '?', '[', '\\']);
        let names: Vec<String> = all
            .iter()
            .take_while(plain)
            .map(|name| (*name).to_owned())
            .collect();
        // One without a place of its own is looked for in the directories that are taken.
        let is_anchored = pattern.trim_end_matches('/').contains('/');
        (is_anchored && !names.is_empty()).then_some(Self {
            is_open: names.len() < all.len(),
            names,
        })
    }

    fn leads_by(&self, dir: &str) -> bool {
        let mut names = self.names.iter();
        for part in dir.split('/') {
            match names.next() {
                Some(name) if name == part => {}
                Some(_) => return false,
                None => return self.is_open,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_leads_through_the_directories_it_names() {
        let leads =
            |pattern: &str, dir: &str| ParentDirs::of(pattern).is_some_and(|it| it.leads_by(dir));
        for (pattern, dir, expected) in [
            ("build/static/", "build", true),
            ("build/static/", "build/static", true),
            ("build/static/", "build/other", false),
            ("build/static/", "src", false),
            ("/lib", "lib", true),
            ("/lib", "src", false),
            ("lib/", "any/where", false),
            ("**/lib", "any/where", false),
            ("build/*/x.js", "build/a", true),
            ("build/*/x.js", "src/a", false),
            ("build/**/x.js", "build/a/b", true),
            ("# lib", "lib", false),
        ] {
            assert_eq!(leads(pattern, dir), expected, "{pattern} {dir}");
        }
    }
}
