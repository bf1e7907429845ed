//! The directory of mirrored files: every change is made below a root held open.

use std::{collections::HashSet, io, path::Path};

use rustix::{
    fs::{AtFlags, Mode},
    io::Errno,
};

use super::{Incoming, incoming::Staged};
use crate::source::RootDir;

#[derive(Debug)]
pub struct MirrorTree {
    root: RootDir,
    /// Directories known to be there, within one commit.
    made: HashSet<String>,
}

impl MirrorTree {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            root: RootDir::open_itself(path)?,
            made: HashSet::new(),
        })
    }

    pub fn begin(&mut self) {
        self.made.clear();
    }

    /// Of a regular file.
    pub fn len(&self, path: &str) -> Option<u64> {
        self.root.stamp(path).ok().map(|stamp| stamp.len)
    }

    /// By one rename: whoever reads sees the old file or the new one.
    pub fn place(&mut self, path: &str, staged: &Staged, from: &Incoming) -> Result<(), Errno> {
        if let Some((dir, _)) = path.rsplit_once('/') {
            self.make_dir(dir)?;
        }
        let (parent, name) = self.root.parent_to_change(path)?;
        rustix::fs::renameat(from.dir().as_fd(), &staged.name, parent, name)
    }

    /// The file, and the directories that only it was in. Its absence is no error.
    pub fn remove(&mut self, path: &str) -> Result<(), Errno> {
        let gone = |result: Result<(), Errno>| match result {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            other => other,
        };
        let (parent, name) = match self.root.parent_to_change(path) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            other => other?,
        };
        gone(rustix::fs::unlinkat(parent, name, AtFlags::empty()))?;
        let mut rest = path;
        while let Some((dir, _)) = rest.rsplit_once('/') {
            let Ok((parent, name)) = self.root.parent_to_change(dir) else {
                break;
            };
            if rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            self.made.remove(dir);
            rest = dir;
        }
        Ok(())
    }

    fn make_dir(&mut self, dir: &str) -> Result<(), Errno> {
        if self.made.contains(dir) {
            return Ok(());
        }
        if let Some((above, _)) = dir.rsplit_once('/') {
            self.make_dir(above)?;
        }
        let (parent, name) = self.root.parent_to_change(dir)?;
        match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            // A file of that name shows when something is put into it.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        self.made.insert(dir.to_owned());
        Ok(())
    }
}

/// Something else is in the place of the file or of one of its directories.
pub fn is_blocked(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY | Errno::LOOP
    )
}
