//! Paths below the workspace: checked, and opened through no link at all.

use std::{
    fs::{self, File, Metadata},
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use guest_api::wire::Outcome;

use crate::sys;

const PATH_MAX: usize = 4096;

/// What stands where a directory should be.
pub enum PathBlocked {
    /// Nothing.
    Absent,
    /// Something that is not a directory, at this path.
    By {
        path: String,
        is_link: bool,
    },
    Failed(io::Error),
}

/// The workspace's directory.
pub struct WorkspaceRoot(OwnedFd);

impl WorkspaceRoot {
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(OwnedFd::from).map(Self)
    }

    /// Open a directory by its path; "" is the workspace itself.
    pub fn directory(&self, path: &str, make: bool) -> Result<OwnedFd, PathBlocked> {
        if path.is_empty() {
            return self.0.try_clone().map_err(PathBlocked::Failed);
        }
        match sys::open_beneath(&self.0, path) {
            Ok(dir) => Ok(dir),
            // A mount, which the walk would not see.
            Err(error) if error.raw_os_error() == Some(sys::EXDEV) => {
                Err(PathBlocked::Failed(error))
            }
            // Whatever else goes wrong, the walk finds out what it was; also where the call is not
            // known (old kernels) or not allowed (old seccomp profiles).
            Err(_) => self.walk(path, make),
        }
    }

    fn walk(&self, path: &str, make: bool) -> Result<OwnedFd, PathBlocked> {
        let mut dir = self.0.try_clone().map_err(PathBlocked::Failed)?;
        let mut reached = 0;
        for name in path.split('/') {
            reached += name.len() + 1;
            let here = &path[..reached - 1];
            dir = match step(&dir, name) {
                Ok(next) => next,
                Err(error) => match error.raw_os_error() {
                    Some(sys::ENOENT) if make => {
                        // Somebody else may have been faster.
                        if let Err(error) = sys::make_dir_at(&dir, name, 0o755)
                            && error.kind() != io::ErrorKind::AlreadyExists
                        {
                            return Err(PathBlocked::Failed(error));
                        }
                        step(&dir, name).map_err(PathBlocked::Failed)?
                    }
                    Some(sys::ENOENT) => return Err(PathBlocked::Absent),
                    Some(sys::ENOTDIR | sys::ELOOP) => {
                        let is_link = stat(&dir, name)
                            .map_err(PathBlocked::Failed)?
                            .is_some_and(|found| found.is_symlink());
                        return Err(PathBlocked::By {
                            path: here.to_owned(),
                            is_link,
                        });
                    }
                    _ => return Err(PathBlocked::Failed(error)),
                },
            };
        }
        Ok(dir)
    }
}

fn step(dir: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    sys::open_at(dir, name, sys::O_PATH | sys::O_DIRECTORY, 0).map(OwnedFd::from)
}

/// What a name stands for, without following it.
pub fn stat(dir: &OwnedFd, name: &str) -> io::Result<Option<Metadata>> {
    match sys::open_at(dir, name, sys::O_PATH, 0) {
        Ok(found) => found.metadata().map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The names in a directory; `None` for one that is not UTF-8.
pub fn names(dir: &OwnedFd) -> io::Result<Vec<Option<String>>> {
    fs::read_dir(format!("/proc/self/fd/{}", dir.as_raw_fd()))?
        .map(|entry| Ok(entry?.file_name().into_string().ok()))
        .collect()
}

/// Split into parent and name, if it is a plain path below the workspace.
pub fn split(path: &str) -> Result<(&str, &str), Outcome> {
    let plain = path.len() < PATH_MAX
        && sys::nameable(path)
        && path.split('/').all(|name| !matches!(name, "" | "." | ".."));
    if plain {
        Ok(path.rsplit_once('/').unwrap_or(("", path)))
    } else {
        Err(Outcome::Escapes)
    }
}

/// Whether a link at `path` with this target points into the workspace, by its text: `..` may only
/// come first, for after a name it would depend on where that name leads.
pub fn stays_inside(path: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || !sys::nameable(target) {
        return false;
    }
    let mut depth = path.split('/').count() - 1;
    let mut leads = true;
    target.split('/').all(|name| match name {
        "" | "." => true,
        ".." if leads && depth > 0 => {
            depth -= 1;
            true
        }
        ".." => false,
        _ => {
            leads = false;
            true
        }
    })
}

/// What an error means to the agent.
pub fn refusal(error: &io::Error) -> Outcome {
    match error.raw_os_error() {
        Some(sys::ENOSPC | sys::EDQUOT) => Outcome::NoSpace,
        Some(sys::EFBIG) => Outcome::TooLarge,
        Some(sys::EISDIR | sys::ENOTDIR | sys::ENOTEMPTY) => Outcome::Conflict,
        Some(sys::ELOOP | sys::EXDEV) => Outcome::Escapes,
        Some(errno) => Outcome::Errno(errno),
        None => Outcome::Errno(sys::EINVAL),
    }
}
