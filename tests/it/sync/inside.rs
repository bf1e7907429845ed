//! `Inside`: a guest's workspace held in memory, as strict as a file system.

use std::{
    collections::BTreeMap,
    fmt,
    io::Read,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use codemate_preview::{
    engine::{
        EngineError,
        link::{Content, FileOp, FileRefusal, InventoryEntry},
    },
    sync::Receiver,
};

#[derive(Clone, PartialEq, Eq)]
pub enum Stored {
    File { mode: u32, content: Vec<u8> },
    Link(String),
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { mode, content } => write!(f, "{mode:o}, {} bytes", content.len()),
            Self::Link(target) => write!(f, "-> {target}"),
        }
    }
}

#[derive(Clone, Default)]
pub struct Inside(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    pub files: BTreeMap<String, (Stored, [u8; 32])>,
    /// How many operations each call to `apply` brought.
    pub calls: Vec<usize>,
    /// In order: `+path` and `-path`.
    pub log: Vec<String>,
    /// After so many calls the stream breaks.
    pub breaks_after: Option<usize>,
    /// Refused with.
    pub refuses: BTreeMap<String, FileRefusal>,
}

impl Inside {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn tree(&self) -> BTreeMap<String, Stored> {
        self.state()
            .files
            .iter()
            .map(|(path, (stored, _))| (path.clone(), stored.clone()))
            .collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }
}

impl State {
    fn one(&mut self, op: FileOp) -> Result<(), FileRefusal> {
        let (FileOp::Put { path, .. } | FileOp::Link { path, .. } | FileOp::Delete { path }) = &op;
        if let Some(refusal) = self.refuses.get(path) {
            return Err(*refusal);
        }
        match op {
            FileOp::Put {
                path,
                mode,
                token,
                content,
            } => {
                self.clear(&path)?;
                let content = match content {
                    Content::Bytes(bytes) => bytes.to_vec(),
                    Content::File { file, len } => {
                        let mut content = Vec::new();
                        file.open()
                            .and_then(|mut file| file.read_to_end(&mut content))
                            .map_err(|_| FileRefusal::Changed)?;
                        if content.len() as u64 != len {
                            return Err(FileRefusal::Changed);
                        }
                        content
                    }
                };
                self.log.push(format!("+{path}"));
                self.files
                    .insert(path, (Stored::File { mode, content }, token));
            }
            FileOp::Link {
                path,
                target,
                token,
            } => {
                self.clear(&path)?;
                self.log.push(format!("+{path}"));
                self.files.insert(path, (Stored::Link(target), token));
            }
            FileOp::Delete { path } => {
                self.log.push(format!("-{path}"));
                self.files.remove(&path);
            }
        }
        Ok(())
    }

    /// Nothing may stand where a file goes, nor a file where its directory goes.
    fn clear(&self, path: &str) -> Result<(), FileRefusal> {
        let below = format!("{path}/");
        let is_dir = self
            .files
            .range(below.clone()..)
            .next()
            .is_some_and(|(p, _)| p.starts_with(&below));
        let mut parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        if is_dir || parents.any(|parent| self.files.contains_key(parent)) {
            return Err(FileRefusal::Conflict);
        }
        Ok(())
    }
}

#[async_trait]
impl Receiver for Inside {
    async fn inventory(&self) -> Result<Vec<InventoryEntry>, EngineError> {
        let held = |(path, (stored, token)): (&String, &(Stored, [u8; 32]))| InventoryEntry {
            path: path.clone(),
            token: *token,
            mode: if let Stored::File { mode, .. } = stored {
                *mode
            } else {
                0
            },
            is_link: matches!(stored, Stored::Link(_)),
        };
        Ok(self.state().files.iter().map(held).collect())
    }

    async fn apply(&self, ops: Vec<FileOp>) -> Result<Vec<Result<(), FileRefusal>>, EngineError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.calls.push(ops.len());
        if state
            .breaks_after
            .is_some_and(|calls| state.calls.len() > calls)
        {
            // What was on its way may have arrived or not.
            for op in ops.into_iter().take(3) {
                let _ = state.one(op);
            }
            return Err(EngineError::Link {
                id: "test".into(),
                reason: "cut".into(),
            });
        }
        Ok(ops.into_iter().map(|op| state.one(op)).collect())
    }
}
