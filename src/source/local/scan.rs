//! Reading a tree: everything that is not ignored, or only what is at given paths.

use std::collections::{
    BTreeSet, HashMap,
    hash_map::Entry::{Occupied, Vacant},
};

use rustix::{fs::FileType, io::Errno};

use super::{ignore_rules::IgnoreRules, left_out::LeftOut};
use crate::source::{
    EntryKind, LARGEST_FILE, MOST_FILES, PathRefusal, PathRefusalReason, Scan, SourceEntry,
    is_at_or_below,
    path_rules::{self, BadPath, Names},
    root_dir::{self, FsNode, RootDir},
};

/// One reading.
pub struct DirWalk<'a> {
    root: &'a RootDir,
    rules: &'a IgnoreRules,
    whose: Names,
    found: Scan,
    /// What rules leave out, where somebody wants to know.
    noted: Option<Vec<LeftOut>>,
    /// Every name that was not ignored, directories included.
    seen: usize,
    /// The names of directories that paths were looked at in, by their spelling.
    names: HashMap<String, HashMap<String, Vec<String>>>,
}

/// More names than are taken.
#[derive(Debug)]
pub struct TooManyEntries;

impl<'a> DirWalk<'a> {
    pub fn new(root: &'a RootDir, rules: &'a IgnoreRules, whose: Names) -> Self {
        Self {
            root,
            rules,
            whose,
            found: Scan::default(),
            noted: None,
            seen: 0,
            names: HashMap::new(),
        }
    }

    /// Note what is left out as well.
    pub fn noting(mut self) -> Self {
        self.noted = Some(Vec::new());
        self
    }

    /// What was left out, by path, of a walk that notes it.
    pub fn left_out(mut self) -> Vec<LeftOut> {
        let mut noted = self.noted.take().unwrap_or_default();
        noted.extend(self.found.refusals.into_iter().map(LeftOut::from));
        noted.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        noted
    }

    pub fn finish(mut self) -> Scan {
        self.found
            .entries
            .sort_unstable_by(|a, b| a.path.cmp(&b.path));
        self.found
    }

    /// Everything below `dir`; the root is `""`.
    pub fn tree(&mut self, dir: &str) -> Result<(), TooManyEntries> {
        let mut waiting = vec![dir.to_owned()];
        while let Some(dir) = waiting.pop() {
            self.dir(&dir, &mut waiting)?;
        }
        Ok(())
    }

    /// What is at `paths`, directories with everything below them.
    pub fn at(&mut self, paths: &BTreeSet<String>) -> Result<(), TooManyEntries> {
        let mut covered: Option<&str> = None;
        for path in paths {
            if covered.is_some_and(|dir| is_at_or_below(path, dir)) {
                continue;
            }
            if self.one(path)? {
                covered = Some(path);
            }
        }
        Ok(())
    }

    /// Says whether it was a directory.
    fn one(&mut self, path: &str) -> Result<bool, TooManyEntries> {
        if path.is_empty() {
            self.tree("")?;
            return Ok(true);
        }
        let checked = self.whose.check(path);
        if let Err(BadPath::Absolute | BadPath::Dots | BadPath::Empty) = checked {
            // Nothing in the tree is called that.
            return Ok(false);
        }
        self.found.is_ambiguous |= self.whose == Names::Everywhere && self.has_namesake(path);
        let node = match self.root.node(path) {
            Ok(node) => node,
            Err(errno) => {
                self.unlisted(path, errno);
                return Ok(false);
            }
        };
        let is_dir = node == FsNode::Dir;
        if self.rules.ignores(self.root, path, is_dir) {
            return Ok(false);
        }
        if let Err(bad) = checked {
            self.refuse(path, bad.into());
            return Ok(false);
        }
        if is_dir {
            self.tree(path)?;
        } else {
            self.count()?;
            self.take(path.to_owned(), node);
        }
        Ok(is_dir)
    }

    fn dir(&mut self, dir: &str, waiting: &mut Vec<String>) -> Result<(), TooManyEntries> {
        let mut listing = match self.root.dir(dir) {
            Ok(listing) => listing,
            Err(errno) => {
                self.unlisted(dir, errno);
                return Ok(());
            }
        };
        let chain = self.rules.chain(self.root, dir);
        let mut here = Vec::new();
        while let Some(item) = listing.read() {
            let item = match item {
                Ok(item) => item,
                Err(errno) => {
                    self.unlisted(dir, errno);
                    return Ok(());
                }
            };
            let raw = item.file_name();
            if raw.to_bytes() == b"." || raw.to_bytes() == b".." {
                continue;
            }
            let name = raw.to_string_lossy();
            let path = if dir.is_empty() {
                name.to_string()
            } else {
                format!("{dir}/{name}")
            };
            // Some file systems do not say what it is without being asked twice.
            let node = match item.file_type() {
                FileType::Directory => Ok(FsNode::Dir),
                _ => listing.fd().and_then(|fd| root_dir::node_at(fd, raw)),
            };
            let node = match node {
                Ok(node) => node,
                Err(errno) => {
                    self.unlisted(&path, errno);
                    continue;
                }
            };
            let is_dir = node == FsNode::Dir;
            if let Some(rule) = self.rules.rule_for(self.root, &chain, &path, is_dir) {
                if let Some(noted) = &mut self.noted {
                    noted.push(LeftOut::ruled(self.root, &path, is_dir, rule));
                }
                continue;
            }
            self.count()?;
            let named = std::str::from_utf8(raw.to_bytes())
                .map_err(|_| BadPath::NotUnicode)
                .and_then(|name| self.whose.check_name(name))
                .and_then(|()| path_rules::check_extent(&path));
            match named {
                Err(bad) => self.refuse(&path, bad.into()),
                Ok(()) => here.push((path, node)),
            }
        }
        for (path, node) in self.without_namesakes(here) {
            if node == FsNode::Dir {
                waiting.push(path);
            } else {
                self.take(path, node);
            }
        }
        Ok(())
    }

    /// Of the entries of one directory that some system takes for one, the first in byte order.
    fn without_namesakes(&mut self, mut entries: Vec<(String, FsNode)>) -> Vec<(String, FsNode)> {
        if self.whose == Names::Here {
            return entries;
        }
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut first: HashMap<String, String> = HashMap::with_capacity(entries.len());
        entries.retain(|(path, _)| {
            let name = name_of(path);
            match first.entry(path_rules::spelling(name)) {
                Vacant(place) => {
                    place.insert(name.to_owned());
                    true
                }
                Occupied(other) => {
                    let other = path_rules::printable(other.get());
                    self.refuse(path, PathRefusalReason::SameName { other });
                    false
                }
            }
        });
        entries
    }

    /// Whether a name of this path is, to some system, that of something else beside it. Which of
    /// them is taken, only a whole scan tells.
    fn has_namesake(&mut self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.chain([path.len()]).any(|end| {
            let (dir, name) = path[..end].rsplit_once('/').unwrap_or(("", &path[..end]));
            let names = self.names.entry(dir.to_owned()).or_insert_with(|| {
                let mut names: HashMap<String, Vec<String>> = HashMap::new();
                for name in names_in(self.root, dir) {
                    names
                        .entry(path_rules::spelling(&name))
                        .or_default()
                        .push(name);
                }
                names
            });
            let alike = names.get(&path_rules::spelling(name));
            alike.is_some_and(|alike| alike.iter().any(|other| other != name))
        })
    }

    fn count(&mut self) -> Result<(), TooManyEntries> {
        self.seen += 1;
        if self.seen > MOST_FILES {
            Err(TooManyEntries)
        } else {
            Ok(())
        }
    }

    fn take(&mut self, path: String, node: FsNode) {
        match node {
            FsNode::File { stamp, .. } if stamp.len > LARGEST_FILE => {
                self.refuse(
                    &path,
                    PathRefusalReason::TooLarge {
                        len: stamp.len,
                        limit: LARGEST_FILE,
                    },
                );
            }
            FsNode::File { mode, stamp } => {
                self.found.entries.push(SourceEntry {
                    path,
                    kind: EntryKind::File { mode, stamp },
                });
            }
            FsNode::Link => self.link(path),
            FsNode::Other(kind) => self.refuse(&path, PathRefusalReason::NotAFile(kind)),
            FsNode::Dir => {}
        }
    }

    fn link(&mut self, path: String) {
        let target = match self.root.target(&path) {
            Ok(target) => target,
            Err(errno) => return self.unlisted(&path, errno),
        };
        match String::from_utf8(target) {
            Ok(target) if stays_inside(&path, &target) => {
                self.found.entries.push(SourceEntry {
                    path,
                    kind: EntryKind::Link { target },
                });
            }
            Ok(target) => {
                let target = path_rules::printable(&target);
                self.refuse(&path, PathRefusalReason::LinkOutside { target });
            }
            Err(_) => self.refuse(&path, BadPath::NotUnicode.into()),
        }
    }

    fn refuse(&mut self, path: &str, why: PathRefusalReason) {
        self.found.refusals.push(PathRefusal::new(path, why));
    }

    /// Gone in the meantime is an answer; anything else is not knowing.
    fn unlisted(&mut self, path: &str, errno: Errno) {
        if !is_gone(errno) {
            self.refuse(path, PathRefusalReason::Unreadable(errno.raw_os_error()));
            self.found.unlisted.push(path.to_owned());
        }
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn names_in(root: &RootDir, dir: &str) -> Vec<String> {
    let listing = root.dir(dir).into_iter().flatten().flatten();
    listing
        .filter_map(|item| item.file_name().to_str().ok().map(str::to_owned))
        .collect()
}

/// The directories in `dir` that are read, for a watch on each.
pub fn subdirectories(root: &RootDir, rules: &IgnoreRules, whose: Names, dir: &str) -> Vec<String> {
    let Ok(listing) = root.dir(dir) else {
        return Vec::new();
    };
    let chain = rules.chain(root, dir);
    let names = listing.filter_map(|item| {
        let item = item.ok()?;
        let name = item.file_name().to_str().ok()?;
        whose.check_name(name).ok()?;
        let path = if dir.is_empty() {
            name.to_owned()
        } else {
            format!("{dir}/{name}")
        };
        let is_dir = match item.file_type() {
            FileType::Directory => true,
            FileType::Unknown => root.node(&path) == Ok(FsNode::Dir),
            _ => false,
        };
        let is_read = is_dir
            && path_rules::check_extent(&path).is_ok()
            && !rules.ignores_entry(root, &chain, &path, true);
        is_read.then_some(path)
    });
    names.collect()
}

/// No file of that name is there, or something else took its place.
pub fn is_gone(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::INVAL
            | Errno::NXIO
            | Errno::NAMETOOLONG
    )
}

/// Whether a link at `path` to `target` leads into the tree. `..` may only come first: after a
/// name it would depend on where that name leads.
fn stays_inside(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count();
    let mut is_leading = true;
    if target.is_empty() || target.starts_with('/') || target.len() > path_rules::LONGEST_PATH {
        return false;
    }
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if is_leading && depth > 0 => depth -= 1,
            ".." => return false,
            name if name.chars().any(char::is_control) => return false,
            _ => is_leading = false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_stay_inside() {
        for (path, target) in [
            ("l", "x"),
            ("l", "a/b"),
            ("l", "."),
            ("a/l", ".."),
            ("a/l", "../x"),
            ("a/b/l", "../../x"),
            ("l", "l"),
            ("a/l", "./../b/"),
            ("l", "missing"),
        ] {
            assert!(stays_inside(path, target), "{path} -> {target}");
        }
        for (path, target) in [
            ("l", "/etc/passwd"),
            ("l", ".."),
            ("l", "../x"),
            ("a/l", "../../x"),
            ("l", "a/../../x"),
            ("l", "a/../b"),
            ("a/l", "x/../../.."),
            ("l", ""),
            ("l", "a\nb"),
            ("l", "./.."),
        ] {
            assert!(!stays_inside(path, target), "{path} -> {target}");
        }
    }
}
