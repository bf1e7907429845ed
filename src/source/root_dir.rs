//! `RootDir`: a project's root held open, below which every other open stays.
//!
//! A directory that is swapped for a symbolic link while it is read leads nowhere: no name is
//! resolved through a link, and nothing but a regular file is ever opened for reading, so a named
//! pipe cannot block.

use std::{
    ffi::CStr,
    fs::File,
    io::Read,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RawMode, Stat},
    io::Errno,
};

use super::{NodeKind, Stamp};

/// Directories within each other that are removed: every level holds one open.
const DEEPEST_REMOVED: usize = 128;

#[derive(Debug)]
pub struct RootDir(OwnedFd);

/// Tells one directory from another that took its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirIdentity {
    dev: u64,
    ino: u64,
}

/// What stands behind a name, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsNode {
    Dir,
    File { mode: u32, stamp: Stamp },
    Link,
    Other(NodeKind),
}

impl RootDir {
    pub fn open(root: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, root, flags, Mode::empty()).map(Self)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The same, where `root` itself must be a directory and not lead to one.
    pub(super) fn open_itself(root: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        rustix::fs::openat(CWD, root, flags, Mode::empty()).map(Self)
    }

    pub fn identity(&self) -> Result<DirIdentity, Errno> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(DirIdentity {
            dev: stat.st_dev,
            ino: stat.st_ino,
        })
    }

    /// `""` is the root itself.
    pub fn dir(&self, path: &str) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Dir::new(self.open_beneath(path, flags)?)
    }

    /// A regular file, and what it was when it was opened. `Errno::INVAL` for anything else.
    pub fn file(&self, path: &str) -> Result<(File, u32, Stamp), Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = self.open_beneath(path, flags)?;
        match node(&rustix::fs::fstat(&fd)?) {
            FsNode::File { mode, stamp } => Ok((File::from(fd), mode, stamp)),
            _ => Err(Errno::INVAL),
        }
    }

    /// A short text file; `None` if it is not there, not a file, or longer than `cap`.
    pub fn text(&self, path: &str, cap: u64) -> Option<String> {
        let bytes = self.bytes(path, cap)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A short file; `None` as for a text.
    pub fn bytes(&self, path: &str, cap: u64) -> Option<Vec<u8>> {
        let (file, _, stamp) = self.file(path).ok()?;
        if stamp.len > cap {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(cap).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    pub fn node(&self, path: &str) -> Result<FsNode, Errno> {
        if path.is_empty() {
            return Ok(FsNode::Dir);
        }
        let (parent, name) = self.parent(path)?;
        node_at(&parent, name)
    }

    /// The stamp of a regular file.
    pub fn stamp(&self, path: &str) -> Result<Stamp, Errno> {
        match self.node(path)? {
            FsNode::File { stamp, .. } => Ok(stamp),
            _ => Err(Errno::INVAL),
        }
    }

    /// Where a link points.
    pub fn target(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::readlinkat(parent, name, Vec::new()).map(std::ffi::CString::into_bytes)
    }

    /// The directory a path is in, and its name there.
    pub(super) fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok((self.open_beneath(dir, flags)?, name))
    }

    /// The same for something to be changed there: also not on another file system.
    pub(super) fn parent_to_change<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let (parent, name) = self.parent(path)?;
        if rustix::fs::fstat(&parent)?.st_dev == rustix::fs::fstat(&self.0)?.st_dev {
            Ok((parent, name))
        } else {
            Err(Errno::XDEV)
        }
    }

    #[cfg(target_os = "linux")]
    fn open_beneath(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        use rustix::fs::ResolveFlags;
        let path = if path.is_empty() { "." } else { path };
        let stay = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.0, path, flags, Mode::empty(), stay) {
            // Older kernels, and sandboxes that know no openat2.
            Err(Errno::NOSYS | Errno::PERM) => self.open_by_steps(path, flags),
            other => other,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_by_steps(if path.is_empty() { "." } else { path }, flags)
    }

    fn open_by_steps(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let step = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut names = path.split('/').peekable();
        let mut at: Option<OwnedFd> = None;
        while let Some(name) = names.next() {
            let here = at.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
            let flags = if names.peek().is_some() { step } else { flags };
            at = Some(rustix::fs::openat(here, name, flags, Mode::empty())?);
        }
        at.ok_or(Errno::NOENT)
    }
}

pub fn node_at(dir: impl AsFd, name: impl rustix::path::Arg) -> Result<FsNode, Errno> {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| node(&stat))
}

/// Remove whatever has this name, a directory with everything in it. No link is followed.
pub(super) fn remove_at(dir: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    fn remove(dir: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<(), Errno> {
        match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
            // Linux says the one of a directory, others the other.
            Err(Errno::ISDIR | Errno::PERM) if depth > 0 => {}
            Err(Errno::NOENT) => return Ok(()),
            other => return other,
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let below = rustix::fs::openat(dir, name, flags, Mode::empty())?;
        for item in Dir::read_from(&below)? {
            let item = item?;
            if !matches!(item.file_name().to_bytes(), b"." | b"..") {
                remove(below.as_fd(), item.file_name(), depth - 1)?;
            }
        }
        rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)
    }
    remove(dir, name, DEEPEST_REMOVED)
}

fn node(stat: &Stat) -> FsNode {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FsNode::Dir,
        FileType::Symlink => FsNode::Link,
        FileType::RegularFile => FsNode::File {
            mode: plain_mode(stat.st_mode),
            stamp: stamp(stat),
        },
        FileType::Fifo => FsNode::Other(NodeKind::Fifo),
        FileType::Socket => FsNode::Other(NodeKind::Socket),
        FileType::BlockDevice | FileType::CharacterDevice => FsNode::Other(NodeKind::Device),
        FileType::Unknown => FsNode::Other(NodeKind::Unknown),
    }
}

/// Only whether it can be run survives: no set-user-id, no private modes the app could not read.
fn plain_mode(mode: RawMode) -> u32 {
    if mode & 0o100 == 0 { 0o644 } else { 0o755 }
}

fn stamp(stat: &Stat) -> Stamp {
    let nanos = |seconds: i128, nanos: i128| seconds * 1_000_000_000 + nanos;
    Stamp {
        len: u64::try_from(stat.st_size).unwrap_or(0),
        mtime_ns: nanos(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        ctime_ns: nanos(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
        ino: stat.st_ino,
    }
}
