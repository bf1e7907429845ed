//! The workspace: files as sync wants them, and never a file of the app's lost.

use std::{
    collections::BTreeSet,
    fs::{File, Metadata},
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::{Path, PathBuf},
};

use guest_api::wire::{Holding, Outcome};

use super::{
    journal::{Journal, JournalEntry},
    resolve_beneath::{PathBlocked, WorkspaceRoot, names, refusal, split, stat, stays_inside},
    write::{
        WriteFailure::{self, Torn, Unharmed},
        finish, overwrite, writable_in_place,
    },
};
use crate::sys;

pub type FileResult<T = ()> = Result<T, Outcome>;

/// Where a file will be.
pub struct TargetDir {
    pub dir: OwnedFd,
    pub name: String,
    /// What stands there now; never a directory.
    pub existing: Option<Metadata>,
}

pub struct Workspace {
    path: PathBuf,
    root: WorkspaceRoot,
    pub journal: Journal,
    /// Python sources written since bytecode was last purged.
    stale: BTreeSet<String>,
    temporaries: u32,
}

impl Workspace {
    pub fn open(home: &Path) -> io::Result<Self> {
        let path = home.join("workspace");
        std::fs::create_dir_all(&path)?;
        let workspace = Self {
            root: WorkspaceRoot::open(&path)?,
            journal: Journal::open(&home.join(".codemate"))?,
            stale: BTreeSet::new(),
            temporaries: 0,
            path,
        };
        workspace.sweep();
        Ok(workspace)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the journal holds. What the app has removed since counts as never finished.
    pub fn inventory(&self) -> impl Iterator<Item = Holding> {
        self.journal.iter().map(|(path, entry)| {
            let there = self.path.join(path).symlink_metadata().is_ok();
            let entry = if there { entry } else { JournalEntry::PENDING };
            let JournalEntry {
                token,
                mode,
                is_link,
            } = entry;
            Holding {
                path: path.to_owned(),
                token,
                mode,
                is_link,
            }
        })
    }

    pub fn put(&mut self, path: &str, entry: JournalEntry, content: &[u8]) -> FileResult {
        let target_dir = self.target_dir(path)?;
        self.change(path, entry, |this| {
            if let Some(existing) = &target_dir.existing
                && let Some(file) = writable_in_place(&target_dir, existing)
            {
                return overwrite(&file, existing, entry.mode, content);
            }
            let (temporary, file) = this.temporary(&target_dir, entry.mode).map_err(Unharmed)?;
            let written = file.write_all_at(content, 0);
            drop(file);
            finish(&target_dir, &temporary, written)
        })
    }

    pub fn link(&mut self, path: &str, target: &str, token: [u8; 32]) -> FileResult {
        if !stays_inside(path, target) {
            return Err(Outcome::Escapes);
        }
        let target_dir = self.target_dir(path)?;
        let entry = JournalEntry {
            token,
            mode: 0,
            is_link: true,
        };
        self.change(path, entry, |this| {
            let temporary = this.temporary_name();
            let made = sys::symlink_at(target, &target_dir.dir, &temporary);
            finish(&target_dir, &temporary, made)
        })
    }

    /// Remove what sync wrote there, then the directories that leaves empty.
    pub fn delete(&mut self, path: &str) -> FileResult {
        let (parent, name) = split(path)?;
        if self.journal.get(path).is_none() {
            return Ok(());
        }
        let dir = match self.root.directory(parent, false) {
            Ok(dir) => dir,
            // Gone, or the app put something of its own in the way.
            Err(PathBlocked::Absent | PathBlocked::By { .. }) => {
                self.journal.settle(path, None);
                return Ok(());
            }
            Err(PathBlocked::Failed(error)) => return Err(refusal(&error)),
        };
        let existing = stat(&dir, name).map_err(|error| refusal(&error))?;
        let before = self.journal.get(path);
        match self.journal.pending(path).map_err(|error| refusal(&error)) {
            // A full disk must not keep anything from being deleted: what is gone is told as
            // unfinished, should we die before that is recorded.
            Ok(()) | Err(Outcome::NoSpace) => {}
            Err(refusal) => return Err(refusal),
        }
        if existing.is_some_and(|found| !found.is_dir())
            && let Err(error) = sys::unlink_at(&dir, name)
        {
            self.journal.settle(path, before);
            return Err(refusal(&error));
        }
        self.journal.settle(path, None);
        self.mark_changed(path);
        self.remove_empty_parents(parent);
        Ok(())
    }

    /// Remove the bytecode of sources written since the last time. Python tells stale bytecode by
    /// the source's second and size, which two quick edits can share.
    pub fn purge_bytecode(&mut self) {
        let stale = std::mem::take(&mut self.stale);
        let mut dirs: Vec<&str> = stale
            .iter()
            .filter_map(|path| Some(split(path).ok()?.0))
            .collect();
        dirs.dedup();
        for parent in dirs {
            let slash = if parent.is_empty() { "" } else { "/" };
            let cache = format!("{parent}{slash}__pycache__");
            let Ok(dir) = self.root.directory(&cache, false) else {
                continue;
            };
            for name in names(&dir).unwrap_or_default().into_iter().flatten() {
                let module = name.split('.').next().unwrap_or_default();
                if stale.contains(&format!("{parent}{slash}{module}.py")) {
                    let _ = sys::unlink_at(&dir, &name);
                }
            }
        }
    }

    /// Make way for a file at `path`: its directory, and nothing in its place that must stay.
    pub fn target_dir(&mut self, path: &str) -> FileResult<TargetDir> {
        let (parent, name) = split(path)?;
        let mut dir = loop {
            match self.root.directory(parent, true) {
                Ok(dir) => break dir,
                // Sync's own file or link becomes a directory.
                Err(PathBlocked::By { path, .. }) if self.journal.get(&path).is_some() => {
                    self.delete(&path)?;
                }
                Err(PathBlocked::By { is_link: true, .. }) => return Err(Outcome::Escapes),
                Err(PathBlocked::By { .. } | PathBlocked::Absent) => return Err(Outcome::Conflict),
                Err(PathBlocked::Failed(error)) => return Err(refusal(&error)),
            }
        };
        let mut existing = stat(&dir, name).map_err(|error| refusal(&error))?;
        if existing.as_ref().is_some_and(Metadata::is_dir) {
            let mut ours = Vec::new();
            if !self
                .all_ours(path, 0, &mut ours)
                .map_err(|error| refusal(&error))?
            {
                return Err(Outcome::Conflict);
            }
            for (path, is_dir) in ours {
                if is_dir {
                    self.remove_one(&path);
                } else {
                    self.delete(&path)?;
                }
            }
            // Making way may have removed the parents too.
            dir = self
                .root
                .directory(parent, true)
                .map_err(|_| Outcome::Conflict)?;
            existing = stat(&dir, name).map_err(|error| refusal(&error))?;
            if existing.is_some() {
                return Err(Outcome::Conflict);
            }
        }
        Ok(TargetDir {
            dir,
            name: name.to_owned(),
            existing,
        })
    }

    /// Do `work` with the journal saying so before and after. A path that came to no harm is what
    /// it was; one that did stays pending.
    fn change<F>(&mut self, path: &str, to: JournalEntry, work: F) -> FileResult
    where
        F: FnOnce(&mut Self) -> Result<(), WriteFailure>,
    {
        let before = self.journal.get(path);
        self.journal
            .pending(path)
            .map_err(|error| refusal(&error))?;
        let result = work(self);
        match &result {
            Ok(()) => self.journal.settle(path, Some(to)),
            Err(Unharmed(_)) => self.journal.settle(path, before),
            Err(Torn(_)) => {}
        }
        self.mark_changed(path);
        result.map_err(|harm| match harm {
            Unharmed(error) | Torn(error) => refusal(&error),
        })
    }

    pub fn mark_changed(&mut self, path: &str) {
        if path.strip_suffix(".py").is_some() {
            self.stale.insert(path.to_owned());
        }
    }

    fn temporary_name(&mut self) -> String {
        self.temporaries = self.temporaries.wrapping_add(1);
        format!(".cmp-{:x}-{:x}.tmp", std::process::id(), self.temporaries)
    }

    /// A new file beside the place it is for.
    pub fn temporary(&mut self, target_dir: &TargetDir, mode: u32) -> io::Result<(String, File)> {
        const O_RDWR: i32 = 2;
        let name = self.temporary_name();
        let flags = O_RDWR | sys::O_CREAT | sys::O_EXCL;
        match sys::open_at(&target_dir.dir, &name, flags, mode & 0o777) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                sys::unlink_at(&target_dir.dir, &name)?;
                sys::open_at(&target_dir.dir, &name, flags, mode & 0o777).map(|file| (name, file))
            }
            other => other.map(|file| (name, file)),
        }
    }

    /// List what is below a directory, deepest first, while all of it is sync's.
    fn all_ours(
        &self,
        path: &str,
        depth: u32,
        found: &mut Vec<(String, bool)>,
    ) -> io::Result<bool> {
        let Ok(dir) = self.root.directory(path, false) else {
            return Ok(false);
        };
        for name in names(&dir)? {
            let Some(name) = name.filter(|_| depth < 64) else {
                return Ok(false);
            };
            let below = format!("{path}/{name}");
            if stat(&dir, &name)?.is_some_and(|found| found.is_dir()) {
                if !self.all_ours(&below, depth + 1, found)? {
                    return Ok(false);
                }
            } else if self.journal.get(&below).is_some() {
                found.push((below, false));
            } else {
                return Ok(false);
            }
        }
        found.push((path.to_owned(), true));
        Ok(true)
    }

    fn remove_one(&self, path: &str) {
        if let Ok((parent, name)) = split(path)
            && let Ok(dir) = self.root.directory(parent, false)
        {
            let _ = sys::remove_dir_at(&dir, name);
        }
    }

    /// Remove a directory and its parents as far as they are empty.
    fn remove_empty_parents(&self, mut path: &str) {
        while let Ok((parent, name)) = split(path) {
            let Ok(dir) = self.root.directory(parent, false) else {
                return;
            };
            if sys::remove_dir_at(&dir, name).is_err() {
                return;
            }
            path = parent;
        }
    }

    /// Remove temporaries that a guest left when it was killed.
    fn sweep(&self) {
        let unfinished = self
            .journal
            .iter()
            .filter(|(_, entry)| entry.token == [0; 32]);
        let dirs: BTreeSet<&str> = unfinished
            .filter_map(|(path, _)| Some(split(path).ok()?.0))
            .collect();
        for dir in dirs
            .into_iter()
            .filter_map(|dir| self.root.directory(dir, false).ok())
        {
            for name in names(&dir).unwrap_or_default().into_iter().flatten() {
                if is_temporary(&name) {
                    let _ = sys::unlink_at(&dir, &name);
                }
            }
        }
    }
}

/// Whether it is the name of a file that was not finished, as [`Workspace`] makes them.
fn is_temporary(name: &str) -> bool {
    name.strip_prefix(".cmp-")
        .is_some_and(|rest| rest.strip_suffix(".tmp").is_some())
}
