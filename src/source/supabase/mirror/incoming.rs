//! `Incoming`: content that is on this disk and not yet in its place.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::source::{RootDir, root_dir::remove_at};

/// A directory beside the mirror, on the same file system. Nothing in it outlives the process.
#[derive(Debug)]
pub struct Incoming {
    dir: RootDir,
    next: AtomicU64,
}

/// Content in the incoming directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    pub(super) name: String,
    pub len: u64,
    pub hash: blake3::Hash,
    pub is_executable: bool,
}

/// A staged file that is still being written.
#[derive(Debug)]
pub struct Staging {
    file: File,
    hasher: blake3::Hasher,
    staged: Staged,
}

impl Incoming {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let dir = RootDir::open_itself(path)?;
        for entry in dir.dir("")? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                remove_at(dir.as_fd(), entry.file_name())?;
            }
        }
        Ok(Self {
            dir,
            next: AtomicU64::new(0),
        })
    }

    pub(super) fn dir(&self) -> &RootDir {
        &self.dir
    }

    /// Blocking, as are the following.
    pub fn begin(&self, is_executable: bool) -> io::Result<Staging> {
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let mode = if is_executable { 0o755 } else { 0o644 };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(self.dir.as_fd(), &name, flags, Mode::from_raw_mode(mode))?;
        Ok(Staging {
            file: File::from(fd),
            hasher: blake3::Hasher::new(),
            staged: Staged {
                name,
                len: 0,
                hash: blake3::Hash::from_bytes([0; 32]),
                is_executable,
            },
        })
    }

    pub fn put(&self, content: &[u8], is_executable: bool) -> io::Result<Staged> {
        let mut staging = self.begin(is_executable)?;
        staging.write(content)?;
        Ok(staging.finish())
    }

    pub fn discard(&self, staged: &Staged) {
        self.discard_name(&staged.name);
    }

    pub fn abandon(&self, staging: &Staging) {
        self.discard_name(&staging.staged.name);
    }

    fn discard_name(&self, name: &str) {
        // What stays is swept at the next start.
        let _ = rustix::fs::unlinkat(self.dir.as_fd(), name, AtFlags::empty());
    }
}

impl Staging {
    pub fn write(&mut self, part: &[u8]) -> io::Result<()> {
        self.file.write_all(part)?;
        self.hasher.update(part);
        self.staged.len += part.len() as u64;
        Ok(())
    }

    pub fn len(&self) -> u64 {
        self.staged.len
    }

    pub fn finish(mut self) -> Staged {
        self.staged.hash = self.hasher.finalize();
        self.staged
    }
}
