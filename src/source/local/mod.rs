//! `LocalSource`: a directory on this host.

mod dockerignore;
mod env_files;
mod exceptions;
mod git_index;
mod ignore_files;
pub(in crate::source) mod ignore_rules;
#[cfg(test)]
mod ignored;
mod left_out;
pub(in crate::source) mod scan;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use ignore::gitignore::Gitignore;
use parking_lot::{Mutex, RwLock};
use rustix::io::Errno;

use crate::{
    source::{
        MOST_FILES, Scan, SourceError, SourceWatch,
        path_rules::Names,
        root_dir::{DirIdentity, RootDir},
        watch,
    },
    task::Scope,
};
use exceptions::Exceptions;
use ignore_files::parse_extra;
use ignore_rules::IgnoreRules;
use scan::{DirWalk, TooManyEntries};

pub use env_files::EnvSource;
pub use ignore_files::is_ignore_file;
pub use left_out::{LeftOut, LeftOutReason};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalSource(Arc<LocalSourceInner>);

#[derive(Debug)]
struct LocalSourceInner {
    root: PathBuf,
    /// Of the directory that was read last, and held something.
    identity: Mutex<DirIdentity>,
    selection: Selection,
    /// Of its patterns: those to ignore, those to include.
    patterns: (Gitignore, Gitignore),
    rules: RwLock<Arc<IgnoreRules>>,
}

/// What of a directory is wanted, besides what its ignore files say. Patterns are in gitignore syntax.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub ignore: Vec<String>,
    /// Taken whatever else says, but for `.codemateignore` and what is never taken.
    pub include: Vec<String>,
    /// The app's own directory below the root, whose `.env` files are taken too.
    pub app_root: String,
    pub names: Names,
}

impl LocalSource {
    /// A directory of this host's user. Blocking. `ignore` is in gitignore syntax.
    pub fn open(root: PathBuf, ignore: &[String]) -> Result<Self, SourceError> {
        let selection = Selection {
            ignore: ignore.to_vec(),
            names: Names::Here,
            ..Selection::default()
        };
        Self::select(root, selection)
    }

    /// Blocking.
    pub fn select(root: PathBuf, selection: Selection) -> Result<Self, SourceError> {
        let patterns = (
            parse_extra(&selection.ignore)?,
            parse_extra(&selection.include)?,
        );
        let root = std::fs::canonicalize(&root).map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            refused_root(root, errno)
        })?;
        let dir = RootDir::open(&root).map_err(|errno| refused_root(root.clone(), errno))?;
        let identity = dir
            .identity()
            .map_err(|errno| refused_root(root.clone(), errno))?;
        // Opening a directory takes the right to list it, reading names in it another.
        dir.node(".")
            .map_err(|errno| refused_root(root.clone(), errno))?;
        let rules = RwLock::new(Arc::new(load(&dir, &selection, &patterns)));
        let identity = Mutex::new(identity);
        Ok(Self(Arc::new(LocalSourceInner {
            root,
            identity,
            selection,
            patterns,
            rules,
        })))
    }

    /// Absolute, its links resolved.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Walk everything that is not ignored, with the ignore files read afresh. Blocking.
    pub fn scan(&self) -> Result<Scan, SourceError> {
        let root = self.root_dir()?;
        let rules = self.reload_rules(&root);
        let mut walk = DirWalk::new(&root, &rules, self.names());
        walk.tree("").map_err(|TooManyEntries| self.too_many())?;
        let mut scan = walk.finish();
        scan.refusals.extend(rules.refusals());
        let now = self.now()?;
        let mut known = self.0.identity.lock();
        // Emptiness proves that files were deleted only if this is the directory they were in, and
        // not, say, the bare mount point of a disk that went away.
        if scan.entries.is_empty() && *known != now {
            return Err(self.gone());
        }
        *known = now;
        Ok(scan)
    }

    /// What is at `paths`, directories with everything below them. What is absent, or ignored, is
    /// not in the result. Blocking. `Gone` also when the root was replaced since the last scan.
    pub fn look(&self, paths: &BTreeSet<String>) -> Result<Scan, SourceError> {
        let root = self.root_dir()?;
        let rules = self.rules();
        for path in paths {
            rules.forget(path);
        }
        let mut walk = DirWalk::new(&root, &rules, self.names());
        walk.at(paths).map_err(|TooManyEntries| self.too_many())?;
        let scan = walk.finish();
        let known = *self.0.identity.lock();
        // In another directory of that name, absence means nothing until all of it was read.
        if self.now()? == known {
            Ok(scan)
        } else {
            Err(self.gone())
        }
    }

    /// Watch every directory that is not ignored. What changes once this has returned is told.
    pub async fn watch(&self, scope: &Scope) -> Result<SourceWatch, SourceError> {
        watch::start(self.clone(), scope).await
    }

    /// Whether the rules, as they were read last, take what is at `path`. Blocking.
    pub fn takes(&self, path: &str, is_dir: bool) -> bool {
        let root = self.root_dir();
        root.is_ok_and(|root| !self.rules().ignores(&root, path, is_dir))
    }

    /// The root, held open for one reading.
    pub fn root_dir(&self) -> Result<RootDir, SourceError> {
        RootDir::open(&self.0.root).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => self.gone(),
            errno => SourceError::Unreadable {
                root: self.0.root.clone(),
                errno: errno.raw_os_error(),
            },
        })
    }

    pub(in crate::source) fn names(&self) -> Names {
        self.0.selection.names
    }

    pub(in crate::source) fn app_root(&self) -> &str {
        &self.0.selection.app_root
    }

    pub(in crate::source) fn rules(&self) -> Arc<IgnoreRules> {
        Arc::clone(&self.0.rules.read())
    }

    /// Read every ignore file again.
    pub(in crate::source) fn reload_rules(&self, root: &RootDir) -> Arc<IgnoreRules> {
        let rules = Arc::new(load(root, &self.0.selection, &self.0.patterns));
        *self.0.rules.write() = Arc::clone(&rules);
        rules
    }

    pub(in crate::source) fn gone(&self) -> SourceError {
        SourceError::Gone {
            root: self.0.root.clone(),
        }
    }

    fn too_many(&self) -> SourceError {
        SourceError::TooMany {
            root: self.0.root.clone(),
            limit: MOST_FILES,
        }
    }

    fn now(&self) -> Result<DirIdentity, SourceError> {
        self.root_dir()?.identity().map_err(|_| self.gone())
    }
}

fn load(root: &RootDir, selection: &Selection, patterns: &(Gitignore, Gitignore)) -> IgnoreRules {
    let (ignore, include) = patterns.clone();
    let exceptions = Exceptions::new(include, &selection.include, &selection.app_root);
    IgnoreRules::load(root, ignore, exceptions)
}

fn refused_root(root: PathBuf, errno: Errno) -> SourceError {
    match errno {
        Errno::NOENT => SourceError::NotFound { root },
        Errno::NOTDIR => SourceError::NotADirectory { root },
        errno => SourceError::Unreadable {
            root,
            errno: errno.raw_os_error(),
        },
    }
}
