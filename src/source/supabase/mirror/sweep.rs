//! What is in the mirror when it is opened, each file compared with the index.

use std::{collections::BTreeMap, io, path::Path};

use rustix::io::Errno;

use super::MirroredFile;
use crate::source::{
    RootDir, is_gone, path_rules,
    root_dir::{FsNode, node_at, remove_at},
};

/// Every regular file below `root`. Files that are not what the index says keep only their place;
/// whatever is no file or directory, or has a name no row can give, is removed.
pub fn sweep(
    root: &Path,
    mut index: BTreeMap<String, MirroredFile>,
) -> io::Result<BTreeMap<String, MirroredFile>> {
    let root = RootDir::open_itself(root)?;
    let mut found = BTreeMap::new();
    let mut waiting = vec![String::new()];
    while let Some(dir) = waiting.pop() {
        let mut listing = root.dir(&dir)?;
        while let Some(entry) = listing.read() {
            let entry = entry?;
            let raw = entry.file_name();
            if matches!(raw.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = raw.to_str().ok().map(|name| joined(&dir, name));
            let node = match node_at(listing.fd()?, raw) {
                Err(Errno::NOENT) => continue,
                node => node?,
            };
            match (path.filter(|path| path_rules::check(path).is_ok()), node) {
                (Some(path), FsNode::Dir) => waiting.push(path),
                (Some(path), FsNode::File { .. }) => match examined(&root, &path, &mut index) {
                    Ok(held) => drop(found.insert(path, held)),
                    // Gone again, or something else by now: as if it had not been met.
                    Err(error) if Errno::from_io_error(&error).is_some_and(is_gone) => {}
                    Err(error) => return Err(error),
                },
                _ => remove_at(listing.fd()?, raw)?,
            }
        }
    }
    Ok(found)
}

fn joined(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

fn examined(
    root: &RootDir,
    path: &str,
    index: &mut BTreeMap<String, MirroredFile>,
) -> io::Result<MirroredFile> {
    let (file, _, _) = root.file(path)?;
    let mut hasher = blake3::Hasher::new();
    let len = hasher.update_reader(file)?.count();
    let hash = hasher.finalize();
    Ok(match index.remove(path) {
        Some(held) if held.hash == hash && held.len == len => held,
        known => MirroredFile {
            key: known.and_then(|held| held.key),
            token: None,
            len,
            hash,
            is_executable: false,
        },
    })
}
