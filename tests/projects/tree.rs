//! A project's files, written to a directory of their own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{
    host::{Host, write},
    table::{Project, Step},
};

/// Write all that `project` has; its directory.
pub fn make(host: &Host, project: &Project) -> PathBuf {
    let root = host.project(&project.name, &[]);
    for (path, text) in &project.files {
        write(&root.join(path), text);
    }
    for (path, text) in &project.utf16 {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    for (path, target) in &project.links {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }
    for path in &project.executable {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

/// Do to the files what a step says.
pub fn edit(root: &Path, step: &Step) {
    for (path, text) in &step.write {
        write(&root.join(path), text);
    }
    for path in &step.delete {
        let path = root.join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
}
