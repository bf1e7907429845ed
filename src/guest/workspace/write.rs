//! Writing a file in place or under its new name, so that a failure leaves the old content.

use std::{
    fs::{File, Metadata, Permissions},
    io,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
};

use guest_api::wire::Outcome;

use super::{files::TargetDir, resolve_beneath::refusal};
use crate::sys;

/// Whether a failed change left the file as it was.
pub enum WriteFailure {
    Unharmed(io::Error),
    Torn(io::Error),
}
use WriteFailure::{Torn, Unharmed};

/// Open what is there for writing in place, if that is safe: `node --watch` goes blind when a file
/// is replaced, but a hard link's other name must not change with it.
pub fn writable_in_place(target_dir: &TargetDir, existing: &Metadata) -> Option<File> {
    if !existing.is_file() || existing.nlink() != 1 {
        return None;
    }
    let file = sys::open_at(
        &target_dir.dir,
        &target_dir.name,
        sys::O_WRONLY | sys::O_NONBLOCK,
        0,
    )
    .ok()?;
    let same = |now: Metadata| now.is_file() && now.nlink() == 1 && now.ino() == existing.ino();
    let same = file.metadata().is_ok_and(same);
    same.then_some(file)
}

/// Write over it, short of room without harm, and cut it only at the end.
pub fn overwrite(
    file: &File,
    existing: &Metadata,
    mode: u32,
    content: &[u8],
) -> Result<(), WriteFailure> {
    let len = content.len() as u64;
    allocate(file, existing, len).map_err(Unharmed)?;
    file.write_all_at(content, 0).map_err(Torn)?;
    settle_in_place(file, existing, len, mode).map_err(Torn)
}

pub fn allocate(file: &File, existing: &Metadata, len: u64) -> io::Result<()> {
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
pub fn finish(
    target_dir: &TargetDir,
    temporary: &str,
    made: io::Result<()>,
) -> Result<(), WriteFailure> {
    made.and_then(|()| sys::rename_at(&target_dir.dir, temporary, &target_dir.name))
        .map_err(|error| {
            let _ = sys::unlink_at(&target_dir.dir, temporary);
            Unharmed(error)
        })
}
