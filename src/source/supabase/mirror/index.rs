//! The index beside the mirror: which row each file came from, and what was written.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::MirroredFile;

const VERSION: u32 = 1;

/// Absence and damage cost a second fetch, nothing else: the files themselves are compared by hash.
#[derive(Debug, Serialize, Deserialize)]
struct MirrorIndex {
    version: u32,
    /// Of the table and its shape. Tokens of another mean nothing here.
    identity: String,
    /// The last revision that was applied.
    cursor: Option<i64>,
    files: BTreeMap<String, MirroredFile>,
}

pub fn load(dir: &Path, identity: &str) -> BTreeMap<String, MirroredFile> {
    let read = fs::read(file(dir)).ok();
    let index = read.and_then(|bytes| serde_json::from_slice::<MirrorIndex>(&bytes).ok());
    let ours = index.filter(|index| index.version == VERSION);
    let mut files = ours.map_or_else(BTreeMap::new, |mut index| {
        if index.identity != identity {
            for held in index.files.values_mut() {
                held.forget_row();
            }
        }
        index.files
    });
    files.retain(|path, _| crate::source::path_rules::check(path).is_ok());
    files
}

pub fn save(
    dir: &Path,
    identity: &str,
    cursor: Option<i64>,
    files: &BTreeMap<String, MirroredFile>,
) -> io::Result<()> {
    // Not through `MirrorIndex`, which would own a copy of everything.
    #[derive(Serialize)]
    struct Borrowed<'a> {
        version: u32,
        identity: &'a str,
        cursor: Option<i64>,
        files: &'a BTreeMap<String, MirroredFile>,
    }
    let mut to = tempfile::NamedTempFile::new_in(dir)?;
    let mut out = io::BufWriter::new(to.as_file_mut());
    let index = Borrowed {
        version: VERSION,
        identity,
        cursor,
        files,
    };
    serde_json::to_writer(&mut out, &index)?;
    out.flush()?;
    drop(out);
    to.as_file().sync_all()?;
    to.persist(file(dir)).map_err(|error| error.error)?;
    Ok(())
}

fn file(dir: &Path) -> PathBuf {
    dir.join("index.json")
}
