//! Keeping the files inside an instance the same as its source's.

mod diff;
mod error;
mod examine;
mod hash_cache;
mod push;
mod receiver;
mod token;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    engine::link::{Content, FileOp, InventoryEntry},
    model::SyncReport,
    source::{self, ChangeBatch, LocalSource, Scan, SourceError},
    task::Scope,
};
use diff::{Deletes, KnownTokens};
use hash_cache::HashCache;
use push::{Push, PushTally};

pub use error::{NotApplied, Refused, SyncError};
pub use receiver::Receiver;

/// Paths named in a report.
const PATHS_TOLD: usize = 20;
const REFUSALS_TOLD: usize = 100;
/// Of a file of our own making.
const MADE_MODE: u32 = 0o644;

/// One instance's files.
///
/// Any of its calls may be dropped half-way or fail: the next one compares everything.
pub struct Sync {
    source: Arc<LocalSource>,
    receiver: Arc<dyn Receiver>,
    scope: Scope,
    cache: HashCache,
    /// What is inside; `None` if that is not certain.
    known: Option<KnownTokens>,
    unsure: HashSet<String>,
    /// Files of our own making, where the source has none of that name.
    made: BTreeMap<String, Bytes>,
}

/// What one call did.
#[derive(Debug, Clone, PartialEq)]
pub struct Synced {
    pub report: SyncReport,
    /// Every path that was written or deleted.
    pub changed: Vec<String>,
    /// What was left out; see [`NotApplied::is_fatal`].
    pub refused: Vec<Refused>,
}

impl Sync {
    pub fn new(source: Arc<LocalSource>, receiver: impl Receiver + 'static) -> Self {
        Self {
            source,
            receiver: Arc::new(receiver),
            scope: Scope::new(),
            cache: HashCache::default(),
            known: None,
            unsure: HashSet::new(),
            made: BTreeMap::new(),
        }
    }

    /// Have these inside too from the next full comparison on, where the source has no such files.
    /// An edit of the source's takes their place.
    pub fn make(&mut self, files: BTreeMap<String, Bytes>) {
        self.made = files;
        self.known = None;
    }

    pub fn source(&self) -> &Arc<LocalSource> {
        &self.source
    }

    /// Compare everything, and send what differs.
    pub async fn full(&mut self) -> Result<Synced, SyncError> {
        let began = Instant::now();
        self.known = None;
        let source = Arc::clone(&self.source);
        let scan = async {
            let scan = self.scope.spawn_blocking(move || source.scan());
            Ok(scan.await.map_err(|_| SourceError::Stopped)??)
        };
        let inventory =
            async { Ok::<Vec<InventoryEntry>, SyncError>(self.receiver.inventory().await?) };
        let (scan, inventory) = tokio::try_join!(scan, inventory)?;
        // An app can write into the guest's journal: of names that sync never gives nothing is
        // deleted, and nothing shown.
        let mut known: KnownTokens = inventory
            .into_iter()
            .filter(|held| source::Names::Here.check(&held.path).is_ok())
            .map(|held| (held.path, held.token))
            .collect();
        let made = self.missing(&mut known, &scan);
        let deletes = diff::deletes(known.keys(), &scan);
        self.cache.keep(
            &scan
                .entries
                .iter()
                .map(|entry| entry.path.as_str())
                .collect(),
        );
        let mut tally = self.push(&mut known, scan, deletes).await?;
        self.put(made, &mut tally).await?;
        self.known = Some(known);
        Ok(outcome_of(tally, began, true))
    }

    pub fn made(&self) -> &BTreeMap<String, Bytes> {
        &self.made
    }

    /// What is made and not there. Of what is made nothing is known, so that nothing deletes it.
    fn missing(&self, known: &mut KnownTokens, scan: &Scan) -> Vec<(String, Bytes)> {
        let is_there = |path: &String| scan.entries.iter().any(|entry| entry.path == *path);
        let made = self.made.iter().filter(|(path, _)| !is_there(path));
        made.filter_map(|(path, content)| {
            let held = known.remove(path);
            let token = token::of_file(MADE_MODE, content);
            (held != Some(token)).then(|| (path.clone(), content.clone()))
        })
        .collect()
    }

    async fn put(
        &self,
        made: Vec<(String, Bytes)>,
        tally: &mut PushTally,
    ) -> Result<(), SyncError> {
        if made.is_empty() {
            return Ok(());
        }
        let op = |(path, content): &(String, Bytes)| FileOp::Put {
            path: path.clone(),
            mode: MADE_MODE,
            token: token::of_file(MADE_MODE, content),
            content: Content::Bytes(content.clone()),
        };
        let results = self.receiver.apply(made.iter().map(op).collect()).await?;
        for ((path, content), result) in made.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    tally.files += 1;
                    tally.bytes += content.len() as u64;
                    tally.changed.push(path);
                }
                Err(why) => tally.refused.push(Refused {
                    path,
                    why: NotApplied::Inside(why),
                }),
            }
        }
        Ok(())
    }

    /// Look again at what a watch reported, and send what differs. Everything, if that has to be.
    pub async fn batch(&mut self, batch: ChangeBatch) -> Result<Synced, SyncError> {
        let began = Instant::now();
        let known = self.known.take();
        let rules_changed = batch.paths.iter().any(|path| source::is_ignore_file(path));
        let Some(mut known) = known.filter(|_| !batch.rescan && !rules_changed) else {
            return self.full().await;
        };
        let paths = Arc::new(batch.paths);
        let (source, asked) = (Arc::clone(&self.source), Arc::clone(&paths));
        let looked = self.scope.spawn_blocking(move || source.look(&asked)).await;
        let scan = match looked.map_err(|_| SourceError::Stopped)? {
            // Or another directory has its name now.
            Err(SourceError::Gone { .. }) => return self.full().await,
            Ok(scan) if scan.is_ambiguous => return self.full().await,
            scan => scan?,
        };
        let candidates: BTreeSet<&String> = paths
            .iter()
            .flat_map(|path| diff::at_or_below(&known, path))
            .collect();
        let deletes = diff::deletes(candidates.into_iter(), &scan);
        let tally = self.push(&mut known, scan, deletes).await?;
        self.known = Some(known);
        Ok(outcome_of(tally, began, false))
    }

    async fn push(
        &mut self,
        known: &mut KnownTokens,
        scan: Scan,
        deletes: Deletes,
    ) -> Result<PushTally, SyncError> {
        let push = Push {
            source: &self.source,
            receiver: &*self.receiver,
            scope: &self.scope,
            cache: &mut self.cache,
            known,
            unsure: &mut self.unsure,
        };
        let mut tally = push.run(scan.entries, deletes).await?;
        let refused = scan.refusals.into_iter().map(Refused::from);
        tally.refused.splice(0..0, refused);
        Ok(tally)
    }
}

fn outcome_of(tally: PushTally, began: Instant, full: bool) -> Synced {
    let report = SyncReport {
        files: tally.files,
        bytes: tally.bytes,
        deleted: tally.deleted,
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        full,
        paths: tally.changed.iter().take(PATHS_TOLD).cloned().collect(),
        refused: refusals(&tally.refused),
        caused: None,
    };
    Synced {
        report,
        changed: tally.changed,
        refused: tally.refused,
    }
}

fn refusals(refused: &[Refused]) -> Vec<String> {
    let mut lines: Vec<String> = refused
        .iter()
        .take(REFUSALS_TOLD)
        .map(ToString::to_string)
        .collect();
    if refused.len() > REFUSALS_TOLD {
        lines.push(format!("and {} more", refused.len() - REFUSALS_TOLD));
    }
    lines
}
