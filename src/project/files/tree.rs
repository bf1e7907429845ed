//! `Tree`: the files detection may look at; nothing of a project is ever executed.

use std::{
    fs::File,
    io::Read as _,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use ignore::WalkBuilder;
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::text;
use crate::project::ProjectError;

/// Files of a project by their path in it, `/` between names.
pub trait Tree {
    /// Sorted by depth, then by name.
    fn files(&self) -> &[String];
    /// The beginning of a file, `cap` bytes at most; `None` if it cannot be read.
    fn read(&self, path: &str, cap: usize) -> Option<String>;
    /// The tree that this is a directory of, and that directory in it.
    fn above(&self) -> Option<(&dyn Tree, &str)> {
        None
    }
    /// Where it is on this machine, if it is.
    fn directory(&self) -> Option<String> {
        None
    }
}

/// Whether what is at a path gets in; the second says that it is a directory.
pub type FileFilter = dyn Fn(&str, bool) -> bool + Send + Sync;

/// A directory of this machine, as far as detection looks into it.
#[derive(Debug)]
pub struct LocalTree {
    root: PathBuf,
    files: Vec<String>,
}

impl LocalTree {
    const DEPTH: usize = 4;
    const MOST_FILES: usize = 2000;
    /// Never looked into: what is installed, generated or kept by a tool.
    const SKIPPED: [&str; 18] = [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".idea",
        ".vscode",
        ".next",
        ".nuxt",
        "site-packages",
        ".cache",
    ];

    /// All that `.gitignore` and `.codemateignore` do not name.
    pub fn open(root: &Path) -> Result<Self, ProjectError> {
        Self::read_with(root, None)
    }

    /// What is taken, by its path from the root and by whether it is a directory.
    pub fn open_where(root: &Path, filter: &Arc<FileFilter>) -> Result<Self, ProjectError> {
        Self::read_with(root, Some(filter))
    }

    fn read_with(root: &Path, filter: Option<&Arc<FileFilter>>) -> Result<Self, ProjectError> {
        let unreadable = |error: &dyn std::fmt::Display| ProjectError::Unreadable {
            path: root.display().to_string(),
            reason: error.to_string(),
        };
        let root = root.canonicalize().map_err(|error| unreadable(&error))?;
        std::fs::read_dir(&root).map_err(|error| unreadable(&error))?;
        let mut files = Vec::new();
        // Level by level, so that a wide directory cannot crowd out what is nearer the top.
        for depth in 1..=Self::DEPTH {
            if !Self::level(&root, depth, filter, &mut files) {
                break;
            }
        }
        Ok(Self { root, files })
    }

    /// Adds the files of one level; whether there is room for more.
    fn level(
        root: &Path,
        depth: usize,
        filter: Option<&Arc<FileFilter>>,
        files: &mut Vec<String>,
    ) -> bool {
        let mut walk = WalkBuilder::new(root);
        walk.hidden(false)
            .parents(false)
            .ignore(false)
            .git_global(false)
            .git_exclude(false)
            .git_ignore(filter.is_none())
            .require_git(false)
            .max_depth(Some(depth))
            .sort_by_file_name(Ord::cmp);
        if filter.is_none() {
            walk.add_custom_ignore_filename(".codemateignore");
        }
        let (top, filter) = (root.to_owned(), filter.cloned());
        walk.filter_entry(move |entry| {
            let Some(name) = entry.file_name().to_str() else {
                return false;
            };
            let path = entry.path().strip_prefix(&top).ok().and_then(Path::to_str);
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            let is_taken = match (&filter, path) {
                (Some(filter), Some(path)) if !path.is_empty() => filter(path, is_dir),
                _ => true,
            };
            // Python's environments have any name, and some are committed.
            let is_environment = is_dir && entry.path().join("pyvenv.cfg").is_file();
            is_taken && !is_environment && !Self::SKIPPED.contains(&name)
        });
        let walk = walk.build();
        for entry in walk.flatten() {
            if entry.depth() != depth || entry.file_type().is_none_or(|kind| kind.is_dir()) {
                continue;
            }
            let Some(path) = entry.path().strip_prefix(root).ok().and_then(Path::to_str) else {
                continue;
            };
            let link = entry.path_is_symlink();
            if entry.path().is_file() && (!link || inside(root, entry.path())) {
                files.push(path.to_owned());
            }
            if files.len() >= Self::MOST_FILES {
                return false;
            }
        }
        true
    }
}

impl Tree for LocalTree {
    fn files(&self) -> &[String] {
        &self.files
    }

    fn read(&self, path: &str, cap: usize) -> Option<String> {
        let file = open_inside(&self.root, &self.root.join(relative(path)?))?;
        let mut bytes = Vec::new();
        file.take(cap as u64).read_to_end(&mut bytes).ok()?;
        Some(text::decode(&bytes))
    }

    fn directory(&self) -> Option<String> {
        self.root.to_str().map(str::to_owned)
    }
}

/// Whether a path still ends inside when its links are followed.
fn inside(root: &Path, path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.starts_with(root))
}

/// Open a regular file through links that lead to a place inside. They are followed once, by name;
/// the way that came of it is then gone through no link, so that one put there meanwhile leads
/// nowhere, and without waiting for the other end of a pipe.
fn open_inside(root: &Path, path: &Path) -> Option<File> {
    let real = path.canonicalize().ok()?;
    let mut names = real.strip_prefix(root).ok()?.components().peekable();
    let step = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(CWD, root, step | OFlags::DIRECTORY, Mode::empty()).ok()?;
    while let Some(name) = names.next() {
        let kind = if names.peek().is_some() {
            OFlags::DIRECTORY
        } else {
            OFlags::NONBLOCK
        };
        at = openat(&at, name.as_os_str(), step | kind, Mode::empty()).ok()?;
    }
    let file = File::from(at);
    file.metadata().ok()?.is_file().then_some(file)
}

/// A path made of plain names only, in its normal form.
pub fn relative(path: &str) -> Option<String> {
    let mut names = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => names.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                names.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(names.join("/"))
}

/// A directory of another tree as a tree of its own.
pub struct SubTree<'a> {
    tree: &'a dyn Tree,
    prefix: String,
    files: Vec<String>,
}

impl<'a> SubTree<'a> {
    /// `root` is in its normal form and may be empty, for the whole tree.
    pub fn new(tree: &'a dyn Tree, root: &str) -> Self {
        let prefix = if root.is_empty() {
            String::new()
        } else {
            format!("{root}/")
        };
        let files = tree
            .files()
            .iter()
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect();
        Self {
            tree,
            prefix,
            files,
        }
    }
}

impl Tree for SubTree<'_> {
    fn files(&self) -> &[String] {
        &self.files
    }

    fn read(&self, path: &str, cap: usize) -> Option<String> {
        self.tree
            .read(&format!("{}{}", self.prefix, relative(path)?), cap)
    }

    fn above(&self) -> Option<(&dyn Tree, &str)> {
        let root = self.prefix.strip_suffix('/')?;
        Some((self.tree, root))
    }

    fn directory(&self) -> Option<String> {
        let above = self.tree.directory()?;
        Some(
            format!("{above}/{}", self.prefix)
                .trim_end_matches('/')
                .to_owned(),
        )
    }
}

#[cfg(test)]
pub mod memory {
    //! A tree for tests.

    use std::collections::BTreeMap;

    use super::Tree;

    pub struct MemoryTree {
        names: Vec<String>,
        contents: BTreeMap<String, String>,
    }

    impl MemoryTree {
        pub fn new<K: Into<String>, V: Into<String>>(
            files: impl IntoIterator<Item = (K, V)>,
        ) -> Self {
            let contents: BTreeMap<String, String> = files
                .into_iter()
                .map(|(path, text)| (path.into(), text.into()))
                .collect();
            let mut names: Vec<String> = contents.keys().cloned().collect();
            names.sort_by_key(|name| (name.matches('/').count(), name.clone()));
            Self { names, contents }
        }
    }

    impl Tree for MemoryTree {
        fn files(&self) -> &[String] {
            &self.names
        }

        fn read(&self, path: &str, cap: usize) -> Option<String> {
            let text = self.contents.get(path)?;
            Some(String::from_utf8_lossy(&text.as_bytes()[..cap.min(text.len())]).into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn ignored_and_deep_files_are_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "app.py",
            ".env",
            "a/b/c/four.py",
            "a/b/c/d/five.py",
            "node_modules/x/package.json",
            "venv/bin/python",
            "own-env/pyvenv.cfg",
            "own-env/flask.py",
            "dist/out.js",
            "sub/keep.py",
        ] {
            write(dir.path(), path, "");
        }
        write(dir.path(), ".gitignore", "dist/\n");
        let tree = LocalTree::open(dir.path()).unwrap();
        assert_eq!(
            tree.files(),
            [
                ".env",
                ".gitignore",
                "app.py",
                "sub/keep.py",
                "a/b/c/four.py"
            ]
        );
    }

    #[test]
    fn a_wide_directory_does_not_hide_the_top() {
        let dir = tempfile::tempdir().unwrap();
        for index in 0..LocalTree::MOST_FILES + 5 {
            write(dir.path(), &format!("assets/{index}"), "");
        }
        write(dir.path(), "zzz.py", "");
        let tree = LocalTree::open(dir.path()).unwrap();
        assert_eq!(tree.files()[0], "zzz.py");
        assert_eq!(tree.files().len(), LocalTree::MOST_FILES);
    }

    #[test]
    fn nothing_outside_is_read() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "here", "0123456789");
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink("here", dir.path().join("in")).unwrap();
        let tree = LocalTree::open(dir.path()).unwrap();
        assert_eq!(tree.files(), ["here", "in"]);
        assert_eq!(tree.read("in", 4).as_deref(), Some("0123"));
        assert_eq!(tree.read("./here", 99).as_deref(), Some("0123456789"));
        for path in ["out", "../x", "/etc/hostname", "a/../../x", "missing"] {
            assert_eq!(tree.read(path, 99), None, "{path}");
        }
    }

    #[test]
    fn a_directory_inside_is_a_tree_of_its_own() {
        let tree =
            memory::MemoryTree::new([("apps/web/package.json", "{}"), ("apps/webs.txt", "")]);
        let web = SubTree::new(&tree, "apps/web");
        assert_eq!(web.files(), ["package.json"]);
        assert_eq!(web.read("package.json", 9).as_deref(), Some("{}"));
    }
}
