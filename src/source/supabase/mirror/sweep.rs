//! What is in the mirror when it is opened, each file compared with the index.

use std::{collections::BTreeMap, fs, io, path::Path};

use super::Held;

/// Every regular file below `root`. Files that are not what the index says keep only their place;
/// whatever is no file or directory, or has a name no row can give, is removed.
pub fn sweep(root: &Path, mut index: BTreeMap<String, Held>) -> io::Result<BTreeMap<String, Held>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![String::new()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            let Some(path) = name.to_str().map(|name| joined(&dir, name)) else {
                remove(&entry.path(), kind.is_dir())?;
                continue;
            };
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                let known = index.remove(&path);
                found.insert(path, examined(&entry.path(), known)?);
            } else {
                remove(&entry.path(), false)?;
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

fn examined(file: &Path, known: Option<Held>) -> io::Result<Held> {
    let mut hasher = blake3::Hasher::new();
    let len = hasher.update_reader(fs::File::open(file)?)?.count();
    let hash = hasher.finalize();
    Ok(match known {
        Some(held) if held.hash == hash && held.len == len => held,
        known => Held {
            key: known.and_then(|held| held.key),
            token: None,
            len,
            hash,
            is_executable: false,
        },
    })
}

fn remove(path: &Path, is_dir: bool) -> io::Result<()> {
    if is_dir {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
