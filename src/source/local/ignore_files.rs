//! The ignore files of directories: `.gitignore` and `.codemateignore`, each with its own lines.

use std::sync::Arc;

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder, Glob},
};

use crate::source::{RootDir, SourceError};

pub const GIT: &str = ".gitignore";
pub const DOCKER: &str = ".dockerignore";
pub const OWN: &str = ".codemateignore";
/// An ignore file that is longer is not one.
pub const LONGEST_FILE: u64 = 1 << 20;

/// Whether a change of this file changes what is ignored.
pub fn is_ignore_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == GIT || name == OWN || path == DOCKER
}

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

/// The ignore files of one directory.
#[derive(Debug)]
pub struct DirRules {
    pub dir: String,
    pub own: Gitignore,
    pub git: Gitignore,
}

impl DirRules {
    pub fn read(root: &RootDir, dir: &str) -> Option<Self> {
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

/// The rules that apply to the entries of one directory, nearest first.
#[derive(Debug, Clone)]
pub struct IgnoreChain {
    pub rules: Vec<Arc<DirRules>>,
    /// The directory, or one above it, is ignored, and is read for what is taken in spite of that.
    pub is_passage: bool,
}

/// A line that matched.
#[derive(Debug, Clone, Copy)]
pub struct IgnoreLine<'a> {
    /// The directory whose file it is in.
    pub dir: &'a str,
    pub glob: &'a Glob,
}

impl IgnoreChain {
    pub fn verdict<'a>(
        &'a self,
        path: &str,
        is_dir: bool,
        of: impl Fn(&DirRules) -> &Gitignore,
    ) -> Match<IgnoreLine<'a>> {
        let below = |dir: &str| match path.strip_prefix(dir) {
            Some(rest) if !dir.is_empty() => rest.strip_prefix('/'),
            rest => rest,
        };
        // A shorter path than the chain was made for has fewer directories above it.
        self.rules
            .iter()
            .filter_map(|rules| {
                let rest = below(&rules.dir)?;
                let dir = rules.dir.as_str();
                Some(
                    of(rules)
                        .matched(rest, is_dir)
                        .map(|glob| IgnoreLine { dir, glob }),
                )
            })
            .find(|verdict| !verdict.is_none())
            .unwrap_or(Match::None)
    }
}

impl IgnoreLine<'_> {
    /// The file, and its line from 1: the last of that text, for the last one counts.
    pub fn place(&self, root: &RootDir, name: &str) -> (String, usize) {
        let file = join(self.dir, name);
        let text = root.text(&file, LONGEST_FILE).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let wanted = self.glob.original().trim();
        let at = text.lines().collect::<Vec<_>>();
        let at = at.iter().rposition(|line| line.trim() == wanted);
        (file, at.map_or(0, |at| at + 1))
    }
}

pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

fn read_gitignore(root: &RootDir, dir: &str, name: &str) -> Option<Gitignore> {
    let text = root.text(&join(dir, name), LONGEST_FILE)?;
    let mut builder = GitignoreBuilder::new(".");
    for line in text.strip_prefix('\u{feff}').unwrap_or(&text).lines() {
        // As git does, a line that is no pattern is passed over.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}
