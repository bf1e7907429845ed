//! `Mirror`: a private directory with the files of one project, and what is known of each.
//!
//! ```text
//! <dir>/files/…      what LocalSource reads
//! <dir>/incoming/…   content on its way, emptied at every start
//! <dir>/index.json   which row each file is, and its hash
//! ```
//!
//! One commit puts all that a pull fetched in place, by renames. What a killed process left behind
//! is found by comparing every file with the index when the mirror is opened.

mod incoming;
mod index;
mod sweep;
mod tree;

use std::{
    collections::BTreeMap,
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::Mode, io::Errno};
use serde::{Deserialize, Serialize};

use super::{SupabaseError, table::row::RowToken};
use crate::source::RootDir;
use tree::{MirrorTree, is_blocked};

pub use incoming::{Incoming, Staged};

#[derive(Debug)]
pub struct Mirror {
    dir: PathBuf,
    identity: String,
    tree: MirrorTree,
    incoming: Arc<Incoming>,
    held: BTreeMap<String, MirroredFile>,
    cursor: Option<i64>,
    is_saved: bool,
}

/// One file of the mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirroredFile {
    /// Of its row, where it is known.
    pub key: Option<String>,
    /// Of its row when the content was read; `None` if the file is not what was written.
    #[serde(with = "token_text")]
    pub token: Option<RowToken>,
    pub len: u64,
    #[serde(with = "hash_text")]
    pub hash: blake3::Hash,
    pub is_executable: bool,
}

/// What becomes of one file in a commit.
#[derive(Debug)]
pub struct FilePut {
    pub path: String,
    pub key: String,
    pub token: RowToken,
    /// `None` if the file is what it was, and only its row changed.
    pub staged: Option<Staged>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct CommitOutcome {
    pub written: Vec<String>,
    pub deleted: Vec<String>,
    /// Files that something else is in the place of.
    pub blocked: Vec<String>,
}

impl MirroredFile {
    fn forget_row(&mut self) {
        self.key = None;
        self.token = None;
    }
}

impl Mirror {
    /// Blocking, as are the other methods that return errors. Makes `dir` where it is missing.
    pub fn open(dir: &Path, identity: &str) -> Result<Self, SupabaseError> {
        let files = files_dir(dir);
        let incoming = dir.join("incoming");
        let open = || {
            private_dir(dir)?;
            private_dir(&files)?;
            private_dir(&incoming)?;
            let held = sweep::sweep(&files, index::load(dir, identity))?;
            Ok(Self {
                dir: dir.to_owned(),
                identity: identity.to_owned(),
                tree: MirrorTree::open(&files)?,
                incoming: Arc::new(Incoming::open(&incoming)?),
                held,
                cursor: None,
                is_saved: true,
            })
        };
        open().map_err(|error| disk("open", dir, &error))
    }

    pub fn incoming(&self) -> &Arc<Incoming> {
        &self.incoming
    }

    pub fn held(&self) -> &BTreeMap<String, MirroredFile> {
        &self.held
    }

    /// New content comes first and deletions last, except where one is in the place of the other.
    pub fn commit(
        &mut self,
        puts: Vec<FilePut>,
        deletes: Vec<String>,
        cursor: Option<i64>,
    ) -> Result<CommitOutcome, SupabaseError> {
        let mut done = CommitOutcome::default();
        let mut waiting = Vec::new();
        self.is_saved &= puts.is_empty() && deletes.is_empty() && cursor == self.cursor;
        self.cursor = cursor;
        self.tree.begin();
        for put in puts {
            if self.put(&put, &mut done)? == Placement::Blocked {
                waiting.push(put);
            }
        }
        for path in deletes {
            self.tree
                .remove(&path)
                .map_err(|errno| self.failed("delete", &path, errno))?;
            self.held.remove(&path);
            done.deleted.push(path);
        }
        self.tree.begin();
        for put in waiting {
            if self.put(&put, &mut done)? == Placement::Blocked {
                if let Some(staged) = &put.staged {
                    self.incoming.discard(staged);
                }
                done.blocked.push(put.path);
            }
        }
        Ok(done)
    }

    /// Files of another length than was written are no longer held. Private as the directory is,
    /// its owner may be in it.
    pub fn doubt(&mut self) {
        for (path, held) in &mut self.held {
            if self.tree.len(path) != Some(held.len) {
                held.token = None;
                self.is_saved = false;
            }
        }
    }

    /// Write the index, if it would say anything new.
    pub fn save(&mut self) -> Result<(), SupabaseError> {
        if !self.is_saved {
            index::save(&self.dir, &self.identity, self.cursor, &self.held)
                .map_err(|error| disk("write the index of", &self.dir, &error))?;
            self.is_saved = true;
        }
        Ok(())
    }

    fn put(&mut self, put: &FilePut, done: &mut CommitOutcome) -> Result<Placement, SupabaseError> {
        let Some(staged) = &put.staged else {
            if let Some(held) = self.held.get_mut(&put.path) {
                held.key = Some(put.key.clone());
                held.token = Some(put.token);
            }
            return Ok(Placement::TableState);
        };
        match self.tree.place(&put.path, staged, &self.incoming) {
            Ok(()) => {}
            Err(errno) if is_blocked(errno) => return Ok(Placement::Blocked),
            Err(errno) => return Err(self.failed("write", &put.path, errno)),
        }
        let held = MirroredFile {
            key: Some(put.key.clone()),
            token: Some(put.token),
            len: staged.len,
            hash: staged.hash,
            is_executable: staged.is_executable,
        };
        self.held.insert(put.path.clone(), held);
        done.written.push(put.path.clone());
        Ok(Placement::TableState)
    }

    fn failed(&self, act: &'static str, path: &str, errno: Errno) -> SupabaseError {
        SupabaseError::Disk {
            act,
            path: files_dir(&self.dir).join(path),
            errno: errno.raw_os_error(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Placement {
    TableState,
    Blocked,
}

/// Where the files of the mirror at `dir` are.
pub fn files_dir(dir: &Path) -> PathBuf {
    dir.join("files")
}

pub fn disk(act: &'static str, path: &Path, error: &io::Error) -> SupabaseError {
    SupabaseError::Disk {
        act,
        path: path.to_owned(),
        errno: error.raw_os_error().unwrap_or(5),
    }
}

fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Not by its name: were it a link, somebody else's directory would be shut.
    let dir = RootDir::open_itself(path)?;
    Ok(rustix::fs::fchmod(dir.as_fd(), Mode::RWXU)?)
}

mod token_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::RowToken;

    #[expect(clippy::ref_option, reason = "serde's calling convention")]
    pub fn serialize<S: Serializer>(token: &Option<RowToken>, to: S) -> Result<S::Ok, S::Error> {
        match token {
            Some(RowToken(token)) => to.serialize_some(&format!("{token:032x}")),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RowToken>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        Ok(text.and_then(|text| u128::from_str_radix(&text, 16).ok().map(RowToken)))
    }
}

mod hash_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(hash: &blake3::Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hash.to_hex())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<blake3::Hash, D::Error> {
        blake3::Hash::from_hex(String::deserialize(from)?).map_err(D::Error::custom)
    }
}
