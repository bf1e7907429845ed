//! The workspace: files as sync wants them, and never a file of the app's lost.

use std::{
    collections::BTreeSet,
    fs::{File, Metadata, Permissions},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use crate::{
    beneath::{Blocked, Root, look, names, refusal, split, stays_inside},
    journal::{Entry, Journal},
    sys,
    wire::{Holding, Outcome},
};

pub type Done<T = ()> = Result<T, Outcome>;

/// Where a file will be.
pub struct Place {
    pub dir: OwnedFd,
    pub name: String,
    /// What stands there now; never a directory.
    pub existing: Option<Metadata>,
}

pub struct Workspace {
    path: PathBuf,
    root: Root,
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
            root: Root::open(&path)?,
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
            let entry = if there { entry } else { Entry::PENDING };
            let Entry { token, mode, is_link } = entry;
            Holding { path: path.to_owned(), token, mode, is_link }
        })
    }

    pub fn put(&mut self, path: &str, entry: Entry, content: &[u8]) -> Done {
        let place = self.place(path)?;
        self.change(path, entry, |this| {
            if let Some(existing) = &place.existing
                && let Some(file) = writable_in_place(&place, existing)
            {
                return overwrite(&file, existing, entry.mode, content);
            }
            let (temporary, file) = this.temporary(&place, entry.mode).map_err(Unharmed)?;
            let written = file.write_all_at(content, 0);
            drop(file);
            finish(&place, &temporary, written)
        })
    }

    pub fn link(&mut self, path: &str, target: &str, token: [u8; 32]) -> Done {
        if !stays_inside(path, target) {
            return Err(Outcome::Escapes);
        }
        let place = self.place(path)?;
        let entry = Entry { token, mode: 0, is_link: true };
        self.change(path, entry, |this| {
            let temporary = this.temporary_name();
            let made = sys::symlink_at(target, &place.dir, &temporary);
            finish(&place, &temporary, made)
        })
    }

    /// Remove what sync wrote there, then the directories that leaves empty.
    pub fn delete(&mut self, path: &str) -> Done {
        let (parent, name) = split(path)?;
        if self.journal.get(path).is_none() {
            return Ok(());
        }
        let dir = match self.root.directory(parent, false) {
            Ok(dir) => dir,
            // Gone, or the app put something of its own in the way.
            Err(Blocked::Absent | Blocked::By { .. }) => {
                self.journal.settle(path, None);
                return Ok(());
            }
            Err(Blocked::Failed(error)) => return Err(refusal(&error)),
        };
        let existing = look(&dir, name).map_err(|error| refusal(&error))?;
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
        self.touched(path);
        self.drop_empty(parent);
        Ok(())
    }

    /// Remove the bytecode of sources written since the last time. Python tells stale bytecode by
    /// the source's second and size, which two quick edits can share.
    pub fn purge_bytecode(&mut self) {
        let stale = std::mem::take(&mut self.stale);
        let mut dirs: Vec<&str> =
            stale.iter().filter_map(|path| Some(split(path).ok()?.0)).collect();
        dirs.dedup();
        for parent in dirs {
            let slash = if parent.is_empty() { "" } else { "/" };
            let cache = format!("{parent}{slash}__pycache__");
            let Ok(dir) = self.root.directory(&cache, false) else { continue };
            for name in names(&dir).unwrap_or_default().into_iter().flatten() {
                let module = name.split('.').next().unwrap_or_default();
                if stale.contains(&format!("{parent}{slash}{module}.py")) {
                    let _ = sys::unlink_at(&dir, &name);
                }
            }
        }
    }

    /// Make way for a file at `path`: its directory, and nothing in its place that must stay.
    pub fn place(&mut self, path: &str) -> Done<Place> {
        let (parent, name) = split(path)?;
        let mut dir = loop {
            match self.root.directory(parent, true) {
                Ok(dir) => break dir,
                // Sync's own file or link becomes a directory.
                Err(Blocked::By { path, .. }) if self.journal.get(&path).is_some() => {
                    self.delete(&path)?;
                }
                Err(Blocked::By { is_link: true, .. }) => return Err(Outcome::Escapes),
                Err(Blocked::By { .. } | Blocked::Absent) => return Err(Outcome::Conflict),
                Err(Blocked::Failed(error)) => return Err(refusal(&error)),
            }
        };
        let mut existing = look(&dir, name).map_err(|error| refusal(&error))?;
        if existing.as_ref().is_some_and(Metadata::is_dir) {
            let mut ours = Vec::new();
            if !self.all_ours(path, 0, &mut ours).map_err(|error| refusal(&error))? {
                return Err(Outcome::Conflict);
            }
            for (path, is_dir) in ours {
                if is_dir { self.drop_one(&path) } else { self.delete(&path)? }
            }
            // Making way may have removed the parents too.
            dir = self.root.directory(parent, true).map_err(|_| Outcome::Conflict)?;
            existing = look(&dir, name).map_err(|error| refusal(&error))?;
            if existing.is_some() {
                return Err(Outcome::Conflict);
            }
        }
        Ok(Place { dir, name: name.to_owned(), existing })
    }

    /// Do `work` with the journal saying so before and after. A path that came to no harm is what
    /// it was; one that did stays pending.
    fn change<F>(&mut self, path: &str, to: Entry, work: F) -> Done
    where
        F: FnOnce(&mut Self) -> Result<(), Harm>,
    {
        let before = self.journal.get(path);
        self.journal.pending(path).map_err(|error| refusal(&error))?;
        let result = work(self);
        match &result {
            Ok(()) => self.journal.settle(path, Some(to)),
            Err(Unharmed(_)) => self.journal.settle(path, before),
            Err(Torn(_)) => {}
        }
        self.touched(path);
        result.map_err(|harm| match harm {
            Unharmed(error) | Torn(error) => refusal(&error),
        })
    }

    pub fn touched(&mut self, path: &str) {
        if path.ends_with(".py") {
            self.stale.insert(path.to_owned());
        }
    }

    fn temporary_name(&mut self) -> String {
        self.temporaries = self.temporaries.wrapping_add(1);
        format!(".cmp-{:x}-{:x}.tmp", std::process::id(), self.temporaries)
    }

    /// A new file beside the place it is for.
    pub fn temporary(&mut self, place: &Place, mode: u32) -> io::Result<(String, File)> {
        const O_RDWR: i32 = 2;
        let name = self.temporary_name();
        let flags = O_RDWR | sys::O_CREAT | sys::O_EXCL;
        match sys::open_at(&place.dir, &name, flags, mode & 0o777) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                sys::unlink_at(&place.dir, &name)?;
                sys::open_at(&place.dir, &name, flags, mode & 0o777).map(|file| (name, file))
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
        let Ok(dir) = self.root.directory(path, false) else { return Ok(false) };
        for name in names(&dir)? {
            let Some(name) = name.filter(|_| depth < 64) else { return Ok(false) };
            let below = format!("{path}/{name}");
            if look(&dir, &name)?.is_some_and(|found| found.is_dir()) {
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

    fn drop_one(&self, path: &str) {
        if let Ok((parent, name)) = split(path)
            && let Ok(dir) = self.root.directory(parent, false)
        {
            let _ = sys::remove_dir_at(&dir, name);
        }
    }

    /// Remove a directory and its parents as far as they are empty.
    fn drop_empty(&self, mut path: &str) {
        while let Ok((parent, name)) = split(path) {
            let Ok(dir) = self.root.directory(parent, false) else { return };
            if sys::remove_dir_at(&dir, name).is_err() {
                return;
            }
            path = parent;
        }
    }

    /// Remove temporaries that a guest left when it was killed.
    fn sweep(&self) {
        let unfinished = self.journal.iter().filter(|(_, entry)| entry.token == [0; 32]);
        let dirs: BTreeSet<&str> =
            unfinished.filter_map(|(path, _)| Some(split(path).ok()?.0)).collect();
        for dir in dirs.into_iter().filter_map(|dir| self.root.directory(dir, false).ok()) {
            for name in names(&dir).unwrap_or_default().into_iter().flatten() {
                if name.starts_with(".cmp-") && name.ends_with(".tmp") {
                    let _ = sys::unlink_at(&dir, &name);
                }
            }
        }
    }
}

/// Whether a failed change left the file as it was.
pub enum Harm {
    Unharmed(io::Error),
    Torn(io::Error),
}
use Harm::{Torn, Unharmed};

/// Open what is there for writing in place, if that is safe: `node --watch` goes blind when a file
/// is replaced, but a hard link's other name must not change with it.
pub fn writable_in_place(place: &Place, existing: &Metadata) -> Option<File> {
    if !existing.is_file() || existing.nlink() != 1 {
        return None;
    }
    let file = sys::open_at(&place.dir, &place.name, sys::O_WRONLY | sys::O_NONBLOCK, 0).ok()?;
    let same = |now: Metadata| now.is_file() && now.nlink() == 1 && now.ino() == existing.ino();
    let same = file.metadata().is_ok_and(same);
    same.then_some(file)
}

/// Write over it, short of room without harm, and cut it only at the end.
fn overwrite(file: &File, existing: &Metadata, mode: u32, content: &[u8]) -> Result<(), Harm> {
    let len = content.len() as u64;
    make_room(file, existing, len).map_err(Unharmed)?;
    file.write_all_at(content, 0).map_err(Torn)?;
    settle_in_place(file, existing, len, mode).map_err(Torn)
}

pub fn make_room(file: &File, existing: &Metadata, len: u64) -> io::Result<()> {
    if len <= existing.len() {
        return Ok(());
    }
    // Where the file system cannot reserve, the write itself will tell.
    match sys::reserve(file, len) {
        Err(error) if refusal(&error) == Outcome::NoSpace => Err(error),
        _ => Ok(()),
    }
}

pub fn settle_in_place(file: &File, existing: &Metadata, len: u64, mode: u32) -> io::Result<()> {
    if existing.len() > len {
        file.set_len(len)?;
    }
    if existing.mode() & 0o7777 != mode & 0o777 {
        file.set_permissions(Permissions::from_mode(mode & 0o777))?;
    }
    Ok(())
}

/// Give what was made its name, or leave no trace of it.
pub fn finish(place: &Place, temporary: &str, made: io::Result<()>) -> Result<(), Harm> {
    made.and_then(|()| sys::rename_at(&place.dir, temporary, &place.name)).map_err(|error| {
        let _ = sys::unlink_at(&place.dir, temporary);
        Unharmed(error)
    })
}
