//! Files that are whole or absent, whatever happens in between, and readable to nobody else.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::StoreError;

/// How names of unfinished files begin.
pub(super) const TEMPORARY: &str = ".tmp-";

pub(super) fn private_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
        .map_err(|error| StoreError::io("make", path, error))
}

/// The content of a file; `None` if it is not there. Bytes that are no text become marks no
/// record holds.
pub(super) fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path, error)),
    }
}

pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || {
        fs::read_dir(dir)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()
    };
    list().map_err(|error| StoreError::io("list", dir, error))
}

/// Put `content` at `path`: on the disk before the name is, and the name before this returns.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let file = temporary(path, content)?;
        file.persist(path).map_err(|error| error.error)?;
        sync_parent(path)
    };
    write().map_err(|error| StoreError::io("write", path, error))
}

/// The same, unless something is there already.
pub(super) fn create_once(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let file = temporary(path, content)?;
        match file.persist_noclobber(path) {
            Ok(_) => sync_parent(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    };
    write().map_err(|error| StoreError::io("write", path, error))
}

pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let gone = || match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    gone().map_err(|error| StoreError::io("remove", path, error))
}

/// Rename to a name nothing has that ends in `.bad`, and say which.
pub(super) fn put_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let named = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 0 {
            ".bad".to_owned()
        } else {
            format!(".{number}.bad")
        });
        PathBuf::from(name)
    };
    let aside = (0..=u32::MAX)
        .map(named)
        .find(|name| !name.exists())
        .expect("some number is free");
    fs::rename(path, &aside)
        .and_then(|()| sync_parent(path))
        .map_err(|error| StoreError::io("put aside", path, error))?;
    Ok(aside)
}

pub(super) fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let stats =
        rustix::fs::statvfs(path).map_err(|error| StoreError::io("measure", path, error.into()))?;
    Ok(stats.f_frsize.saturating_mul(stats.f_bavail))
}

pub(super) fn random() -> Result<[u8; 8], StoreError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 8];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| StoreError::io("read", path, error))?;
    Ok(bytes)
}

/// A file next to `path`, for a rename works within one file system only. Mode 0600 from the
/// start, for there may be secrets in it.
fn temporary(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(parent(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
