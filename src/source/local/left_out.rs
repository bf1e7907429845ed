//! `LeftOut`: a file or directory that does not get in, and the rule or the trait that keeps it out.

use std::fmt;

use super::{
    LocalSource,
    ignore_files::{DOCKER, GIT, IgnoreLine, LONGEST_FILE, OWN},
    ignore_rules::IgnoreRule,
    scan::DirWalk,
};
use crate::source::{
    PathRefusal, PathRefusalReason, SourceError, path_rules,
    root_dir::{FsNode, RootDir},
};

/// One that is left out with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Relative to the root; a directory ends with `/`. It may be one above what was asked about.
    pub path: String,
    pub why: LeftOutReason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOutReason {
    /// Tools make it on this machine for this machine.
    Never,
    /// A line of an ignore file.
    IgnoredBy {
        /// Relative to the root.
        file: String,
        /// From 1.
        line: usize,
        pattern: String,
    },
    /// A pattern of `[sync] ignore`, or of the template.
    Pattern { pattern: String },
    /// What it is: a link that leads outside, too large, of a name that cannot be carried.
    Refused(PathRefusalReason),
}

impl LeftOut {
    pub(super) fn ruled(root: &RootDir, path: &str, is_dir: bool, rule: IgnoreRule<'_>) -> Self {
        let line = |line: IgnoreLine<'_>, name| {
            let (file, number) = line.place(root, name);
            LeftOutReason::IgnoredBy {
                file,
                line: number,
                pattern: line.glob.original().to_owned(),
            }
        };
        let why = match rule {
            IgnoreRule::Never | IgnoreRule::Above => LeftOutReason::Never,
            IgnoreRule::Own(own) => line(own, OWN),
            IgnoreRule::Git(git) => line(git, GIT),
            IgnoreRule::Pattern(glob) => LeftOutReason::Pattern {
                pattern: glob.original().to_owned(),
            },
            IgnoreRule::Docker(number) => LeftOutReason::IgnoredBy {
                file: DOCKER.to_owned(),
                line: number,
                pattern: root
                    .text(DOCKER, LONGEST_FILE)
                    .and_then(|text| {
                        Some(text.lines().nth(number.checked_sub(1)?)?.trim().to_owned())
                    })
                    .unwrap_or_default(),
            },
        };
        let slash = if is_dir { "/" } else { "" };
        Self {
            path: path_rules::printable(path) + slash,
            why,
        }
    }

    /// The pattern that takes it, for `[sync] include`, where there is one that does.
    pub fn include(&self) -> Option<String> {
        match &self.why {
            LeftOutReason::IgnoredBy { file, .. } if !file.ends_with(OWN) => {
                Some(format!("/{}", self.path))
            }
            LeftOutReason::Pattern { .. } => Some(format!("/{}", self.path)),
            _ => None,
        }
    }
}

impl From<PathRefusal> for LeftOut {
    fn from(refusal: PathRefusal) -> Self {
        Self {
            path: refusal.path,
            why: LeftOutReason::Refused(refusal.why),
        }
    }
}

impl LocalSource {
    /// What keeps the file or directory at `path`, relative to the root, from getting in. `None` for
    /// what is taken, and for what is not there. Blocking.
    pub fn left_out(&self, path: &str) -> Option<LeftOut> {
        let root = self.root_dir().ok()?;
        let rules = self.reload_rules(&root);
        // A link on the way leads elsewhere; what is at the end of it is not looked at.
        let ends = path.match_indices('/').map(|(at, _)| at);
        let steps = ends.chain([path.len()]).map(|end| &path[..end]);
        let link = steps.clone().find(|at| root.node(at) == Ok(FsNode::Link));
        let path = link.unwrap_or(path);
        let is_dir = root.node(path).ok()? == FsNode::Dir;
        if let Some(left_out) = rules.left_out(&root, path, is_dir) {
            return Some(left_out);
        }
        let mut walk = DirWalk::new(&root, &rules, self.names());
        if is_dir {
            return None;
        }
        walk.at(&[path.to_owned()].into()).ok()?;
        walk.left_out().into_iter().next()
    }

    /// All that is left out, by path, but for what git and tools keep for themselves; and whether
    /// there is more than `most`. Blocking.
    pub fn all_left_out(&self, most: usize) -> Result<(Vec<LeftOut>, bool), SourceError> {
        let root = self.root_dir()?;
        let rules = self.reload_rules(&root);
        let mut walk = DirWalk::new(&root, &rules, self.names()).noting();
        // A tree that is too large has been refused before it could be asked about.
        let _ = walk.tree("");
        let mut all = walk.left_out();
        all.extend(rules.refusals().map(LeftOut::from));
        all.retain(|it| it.why != LeftOutReason::Never || !is_of_tools(&it.path));
        let more = all.len() > most;
        all.truncate(most);
        Ok((all, more))
    }
}

/// What nobody looks for inside.
fn is_of_tools(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    !matches!(name, "node_modules" | ".venv" | "venv")
}

/// Such as "`lib/` is left out: line 2 of .gitignore names it (`lib/`)".
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is left out: {}", self.path, self.why)
    }
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("it is made anew inside"),
            Self::IgnoredBy {
                file,
                line,
                pattern,
            } => write!(f, "line {line} of {file} names it (`{pattern}`)"),
            Self::Pattern { pattern } => {
                write!(f, "`[sync] ignore` or the template names it (`{pattern}`)")
            }
            Self::Refused(why) => why.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::source::{Names, Selection};

    #[test]
    fn what_does_not_get_in_is_told_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for (path, text) in [
            (".gitignore", "lib/\n*.pem\n"),
            ("lib/greet.py", ""),
            ("key.pem", ""),
            ("app.py", ""),
            ("con", ""),
            ("node_modules/x/index.js", ""),
            ("__pycache__/app.pyc", ""),
        ] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), text).unwrap();
        }
        symlink("/etc", at("shared")).unwrap();
        symlink("app.py", at("main.py")).unwrap();
        let large = fs::File::create(at("model.bin")).unwrap();
        large.set_len(crate::source::LARGEST_FILE + 1).unwrap();
        let source = LocalSource::open(dir.path().to_owned(), &[]).unwrap();
        let told = |path: &str| source.left_out(path).map(|it| it.to_string());
        for (path, says) in [
            (
                "lib",
                "`lib/` is left out: line 1 of .gitignore names it (`lib/`)",
            ),
            (
                "lib/greet.py",
                "`lib/` is left out: line 1 of .gitignore names it (`lib/`)",
            ),
            (
                "key.pem",
                "`key.pem` is left out: line 2 of .gitignore names it (`*.pem`)",
            ),
            (
                "shared/passwd",
                "`shared` is left out: it links to `/etc`, outside the project",
            ),
            (
                "model.bin",
                "`model.bin` is left out: it is 536870913 bytes long, and 536870912 is the limit",
            ),
            (
                "node_modules",
                "`node_modules/` is left out: it is made anew inside",
            ),
        ] {
            assert_eq!(told(path).as_deref(), Some(says), "{path}");
        }
        for path in ["app.py", "main.py", "con", "lib2", "lib/missing.py"] {
            assert_eq!(told(path), None, "{path}");
        }
        let paths = |most| {
            let (all, more) = source.all_left_out(most).unwrap();
            (all.into_iter().map(|it| it.path).collect::<Vec<_>>(), more)
        };
        let all = ["key.pem", "lib/", "model.bin", "node_modules/", "shared"].map(str::to_owned);
        assert_eq!(paths(9), (all.to_vec(), false));
        assert_eq!(paths(2), (all[..2].to_vec(), true));
        let elsewhere = Selection {
            names: Names::Everywhere,
            ..Selection::default()
        };
        let source = LocalSource::select(dir.path().to_owned(), elsewhere).unwrap();
        assert_eq!(
            source.left_out("con").unwrap().to_string(),
            "`con` is left out: the name is reserved on Windows"
        );
    }
}
