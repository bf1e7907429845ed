//! `Push`: from a scan to the far end, reading one batch while another is on its way.

use std::{collections::HashSet, sync::Arc, thread};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{
    NotApplied, Receiver, Refused, SyncError,
    diff::{Deletes, KnownTokens},
    examine::{self, Examined, FileFingerprint, FileToRead, ReadOutcome},
    hash_cache::HashCache,
    token::{self, ContentToken},
};
use crate::{
    engine::link::{Content, FileOp, FileRefusal},
    source::{EntryKind, LocalSource, PathRefusal, RootDir, SourceEntry, SourceError, Stamp},
    task::Scope,
};

/// What goes at once.
const BATCH_OPS: usize = 512;
const BATCH_BYTES: u64 = 8 << 20;
/// What one thread reads at once.
const CHUNK_FILES: usize = 128;
const CHUNK_BYTES: u64 = 4 << 20;
/// Threads that read at the same time.
const MOST_READERS: usize = 4;

pub struct Push<'a> {
    pub source: &'a LocalSource,
    pub receiver: &'a dyn Receiver,
    pub scope: &'a Scope,
    pub cache: &'a mut HashCache,
    pub known: &'a mut KnownTokens,
    /// Files inside whose content may not be what their token says.
    pub unsure: &'a mut HashSet<String>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct PushTally {
    pub files: u64,
    pub bytes: u64,
    pub deleted: u64,
    pub changed: Vec<String>,
    pub refused: Vec<Refused>,
}

/// An operation, and what it means once it has succeeded.
struct PlannedOp {
    op: FileOp,
    path: String,
    effect: OpEffect,
}

enum OpEffect {
    Written {
        token: ContentToken,
        len: u64,
        streamed: Option<Stamp>,
    },
    Gone,
}

type OpBatch = Vec<PlannedOp>;

impl Push<'_> {
    pub async fn run(
        self,
        entries: Vec<SourceEntry>,
        deletes: Deletes,
    ) -> Result<PushTally, SyncError> {
        for path in deletes.first.iter().chain(&deletes.last) {
            self.cache.remove(path);
        }
        let Self {
            source,
            receiver,
            scope,
            cache,
            known,
            unsure,
        } = self;
        let (links, work) = plan(entries, cache, known, unsure);
        let root = Arc::new(source.root_dir()?);
        let readers = ReaderPool {
            scope,
            root: Arc::clone(&root),
        };
        let (batches, arriving) = mpsc::channel(1);
        let mut outgoing = Batcher {
            batches,
            batch: Vec::new(),
            bytes: 0,
        };
        let produce = async {
            let mut refused = Vec::new();
            for path in deletes.first {
                outgoing.add(delete(path), 0).await;
            }
            for link in links {
                outgoing.add(link, 0).await;
            }
            let mut examined = readers.read(work);
            while let Some(chunk) = examined.next().await {
                for Examined { path, found } in chunk? {
                    match found {
                        ReadOutcome::Same(print) => remember(cache, path, &print),
                        ReadOutcome::Different {
                            print,
                            content,
                            len,
                        } => {
                            remember(cache, path.clone(), &print);
                            let weight = if matches!(content, Content::Bytes(_)) {
                                len
                            } else {
                                0
                            };
                            outgoing.add(put(path, &print, content, len), weight).await;
                        }
                        ReadOutcome::Passing => {}
                        ReadOutcome::Refused(why) => {
                            refused.push(PathRefusal::new(&path, why).into());
                        }
                    }
                }
                if outgoing.is_closed() {
                    break;
                }
            }
            for path in deletes.last {
                outgoing.add(delete(path), 0).await;
            }
            outgoing.flush().await;
            drop(outgoing);
            Ok::<Vec<Refused>, SyncError>(refused)
        };
        let consume = BatchSender {
            receiver,
            root,
            known,
            unsure,
        }
        .send(arriving);
        let (refused, tally) = tokio::join!(produce, consume);
        let mut tally = tally?;
        tally.refused.extend(refused?);
        Ok(tally)
    }
}

/// Links to make, and files to read because nothing tells that they are the same.
fn plan(
    entries: Vec<SourceEntry>,
    cache: &HashCache,
    known: &KnownTokens,
    unsure: &HashSet<String>,
) -> (Vec<PlannedOp>, Vec<FileToRead>) {
    let mut links = Vec::new();
    let mut work = Vec::new();
    for SourceEntry { path, kind } in entries {
        let held = known
            .get(&path)
            .copied()
            .filter(|_| !unsure.contains(&path));
        match kind {
            EntryKind::Link { target } => {
                let token = token::of_link(&target);
                if held != Some(token) {
                    let op = FileOp::Link {
                        path: path.clone(),
                        target,
                        token,
                    };
                    let effect = OpEffect::Written {
                        token,
                        len: 0,
                        streamed: None,
                    };
                    links.push(PlannedOp { op, path, effect });
                }
            }
            EntryKind::File { mode, stamp } => {
                let read = cache.get(&path, &stamp, mode);
                if read.is_none() || read != held {
                    work.push(FileToRead {
                        path,
                        len: stamp.len,
                        held,
                    });
                }
            }
        }
    }
    (links, work)
}

fn put(path: String, print: &FileFingerprint, content: Content, len: u64) -> PlannedOp {
    let streamed = matches!(content, Content::File { .. }).then_some(print.stamp);
    let token = print.token;
    let op = FileOp::Put {
        path: path.clone(),
        mode: print.mode,
        token,
        content,
    };
    PlannedOp {
        op,
        path,
        effect: OpEffect::Written {
            token,
            len,
            streamed,
        },
    }
}

fn delete(path: String) -> PlannedOp {
    PlannedOp {
        op: FileOp::Delete { path: path.clone() },
        path,
        effect: OpEffect::Gone,
    }
}

fn remember(cache: &mut HashCache, path: String, print: &FileFingerprint) {
    if print.is_settled {
        cache.put(path, print.stamp, print.mode, print.token);
    } else {
        cache.remove(&path);
    }
}

struct ReaderPool<'a> {
    scope: &'a Scope,
    root: Arc<RootDir>,
}

impl ReaderPool<'_> {
    /// In the order of `work`, a few chunks ahead.
    fn read(
        &self,
        work: Vec<FileToRead>,
    ) -> impl stream::Stream<Item = Result<Vec<Examined>, SyncError>> + Unpin {
        let readers = thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(2, MOST_READERS);
        let chunks = chunked(work).into_iter().map(|chunk| {
            let dir = Arc::clone(&self.root);
            let scope = self.scope.clone();
            async move {
                scope
                    .spawn_blocking(move || examine::examine(&dir, chunk))
                    .await
                    .map_err(|_| SyncError::Source(SourceError::Stopped))
            }
        });
        Box::pin(stream::iter(chunks).buffered(readers))
    }
}

fn chunked(work: Vec<FileToRead>) -> Vec<Vec<FileToRead>> {
    let mut chunks = Vec::new();
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for item in work {
        bytes += item.len;
        chunk.push(item);
        if chunk.len() >= CHUNK_FILES || bytes >= CHUNK_BYTES {
            chunks.push(std::mem::take(&mut chunk));
            bytes = 0;
        }
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

struct Batcher {
    batches: mpsc::Sender<OpBatch>,
    batch: OpBatch,
    bytes: u64,
}

impl Batcher {
    /// A batch that cannot be delivered is dropped: its receiver has the error.
    async fn add(&mut self, planned: PlannedOp, weight: u64) {
        self.batch.push(planned);
        self.bytes += weight;
        if self.batch.len() >= BATCH_OPS || self.bytes >= BATCH_BYTES {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            let _ = self.batches.send(batch).await;
        }
    }

    fn is_closed(&self) -> bool {
        self.batches.is_closed()
    }
}

struct BatchSender<'a> {
    receiver: &'a dyn Receiver,
    root: Arc<RootDir>,
    known: &'a mut KnownTokens,
    unsure: &'a mut HashSet<String>,
}

impl BatchSender<'_> {
    async fn send(mut self, mut arriving: mpsc::Receiver<OpBatch>) -> Result<PushTally, SyncError> {
        let mut tally = PushTally::default();
        while let Some(batch) = arriving.recv().await {
            let mut ops = Vec::with_capacity(batch.len());
            let mut rest = Vec::with_capacity(batch.len());
            for PlannedOp { op, path, effect } in batch {
                ops.push(op);
                rest.push((path, effect));
            }
            let results = self.receiver.apply(ops).await?;
            for ((path, effect), result) in rest.into_iter().zip(results) {
                match result {
                    Ok(()) => self.done(path, &effect, &mut tally),
                    Err(FileRefusal::Changed) => {
                        self.unsure.insert(path);
                    }
                    Err(FileRefusal::NoSpace) => {
                        let why = NotApplied::Inside(FileRefusal::NoSpace);
                        return Err(SyncError::Refused { path, why });
                    }
                    Err(why) => {
                        tally.refused.push(Refused {
                            path,
                            why: NotApplied::Inside(why),
                        });
                    }
                }
            }
        }
        Ok(tally)
    }

    fn done(&mut self, path: String, effect: &OpEffect, tally: &mut PushTally) {
        match effect {
            OpEffect::Written {
                token,
                len,
                streamed,
            } => {
                tally.files += 1;
                tally.bytes += len;
                self.known.insert(path.clone(), *token);
                // What was streamed was read a second time, so it may be other than was hashed.
                if streamed.is_some_and(|stamp| !self.is_still(&path, stamp)) {
                    self.unsure.insert(path.clone());
                } else {
                    self.unsure.remove(&path);
                }
            }
            OpEffect::Gone => {
                tally.deleted += 1;
                self.known.remove(&path);
                self.unsure.remove(&path);
            }
        }
        tally.changed.push(path);
    }

    fn is_still(&self, path: &str, read: Stamp) -> bool {
        self.root.stamp(path) == Ok(read)
    }
}
