//! `LocalSource`: a directory on this host.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use ignore::gitignore::Gitignore;
use rustix::io::Errno;

use super::{
    MOST_FILES, Scan, SourceError, Watch,
    ignore_rules::{self, Rules},
    root_dir::{Identity, RootDir},
    scan::{TooMany, Walk},
    watch,
};
use crate::task::Scope;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Of the directory that was read last, and held something.
    identity: Mutex<Identity>,
    extra: Gitignore,
    rules: RwLock<Arc<Rules>>,
}

impl LocalSource {
    /// Blocking. `extra_ignore` is in gitignore syntax.
    pub fn open(root: PathBuf, extra_ignore: &[String]) -> Result<Self, SourceError> {
        let extra = ignore_rules::parse_extra(extra_ignore)?;
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
        let rules = RwLock::new(Arc::new(Rules::load(&dir, extra.clone())));
        let identity = Mutex::new(identity);
        Ok(Self(Arc::new(Inner {
            root,
            identity,
            extra,
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
        let mut walk = Walk::new(&root, &rules);
        walk.tree("").map_err(|TooMany| self.too_many())?;
        let mut scan = walk.finish();
        scan.refusals.extend(rules.refusals());
        let now = self.now()?;
        let mut known = self
            .0
            .identity
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
        let mut walk = Walk::new(&root, &rules);
        walk.at(paths).map_err(|TooMany| self.too_many())?;
        let scan = walk.finish();
        let known = *self
            .0
            .identity
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // In another directory of that name, absence means nothing until all of it was read.
        if self.now()? == known {
            Ok(scan)
        } else {
            Err(self.gone())
        }
    }

    /// Watch every directory that is not ignored. What changes once this has returned is told.
    pub async fn watch(&self, scope: &Scope) -> Result<Watch, SourceError> {
        watch::start(self.clone(), scope).await
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

    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Read every ignore file again.
    pub(super) fn reload_rules(&self, root: &RootDir) -> Arc<Rules> {
        let rules = Arc::new(Rules::load(root, self.0.extra.clone()));
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&rules);
        rules
    }

    pub(super) fn gone(&self) -> SourceError {
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

    fn now(&self) -> Result<Identity, SourceError> {
        self.root_dir()?.identity().map_err(|_| self.gone())
    }
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
