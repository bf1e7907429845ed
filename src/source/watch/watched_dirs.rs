//! `WatchedDirs`: one watch for each directory that is not ignored, kept so as directories come.
//!
//! A directory is watched before it is read, so that whatever the reading misses is told. An
//! ignored directory costs nothing, however much it holds.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::{ChangeBatch, WatchDegraded, window::PendingChanges};
use crate::source::{
    LocalSource, SourceError, is_ignore_file,
    local::{ignore_rules::IgnoreRules, scan::subdirectories},
    root_dir::{DirIdentity, FsNode, RootDir},
};

/// What the operating system tells, as it comes.
pub type EventSink = Arc<dyn Fn(notify::Result<notify::Event>) + Send + Sync>;

pub struct WatchedDirs {
    source: LocalSource,
    watcher: RecommendedWatcher,
    sink: EventSink,
    root: DirIdentity,
}

/// What became of a burst.
pub enum Flushed {
    Told(ChangeBatch),
    /// The root itself is no longer there.
    RootLost,
    WatchDegraded(WatchDegraded),
}

/// Why not everything can be watched.
pub enum NotWatched {
    WatchDegraded(WatchDegraded),
    Source(SourceError),
}

impl WatchedDirs {
    pub fn arm(source: &LocalSource, sink: &EventSink) -> Result<Self, NotWatched> {
        let handler = Arc::clone(sink);
        let watcher = RecommendedWatcher::new(
            move |event: notify::Result<notify::Event>| handler(event),
            Config::default().with_follow_symlinks(false),
        )
        .map_err(|error| NotWatched::WatchDegraded(WatchDegraded::of(&error)))?;
        let root = source.root_dir().map_err(NotWatched::Source)?;
        let identity = root
            .identity()
            .map_err(|_| NotWatched::Source(source.gone()))?;
        let mut dirs = Self {
            source: source.clone(),
            watcher,
            sink: Arc::clone(sink),
            root: identity,
        };
        let rules = source.reload_rules(&root);
        dirs.watch_below(&root, &rules, "")?;
        Ok(dirs)
    }

    /// Watch what is new among the paths of a burst, and say which of them are of interest.
    pub fn flush(&mut self, pending: PendingChanges) -> Flushed {
        let Ok(root) = self.source.root_dir() else {
            return Flushed::RootLost;
        };
        let rules = self.source.rules();
        let is_replaced = root.identity() != Ok(self.root);
        let mut batch = ChangeBatch {
            paths: BTreeSet::new(),
            rescan: pending.rescan || is_replaced,
        };
        for (path, trace) in pending.paths {
            let Some(path) = relative(self.source.root(), &path) else {
                continue;
            };
            if path.is_empty() {
                continue;
            }
            rules.forget(&path);
            let is_dir = root.node(&path) == Ok(FsNode::Dir);
            if rules.ignores(&root, &path, is_dir || trace.was_dir) {
                continue;
            }
            batch.rescan |= is_ignore_file(&path);
            // A watch may have been lost with an older directory of the same name.
            if is_dir && !batch.rescan {
                match self.watch_below(&root, &rules, &path) {
                    Ok(()) => {}
                    Err(NotWatched::WatchDegraded(degraded)) => {
                        return Flushed::WatchDegraded(degraded);
                    }
                    Err(NotWatched::Source(_)) => batch.rescan = true,
                }
            }
            batch.paths.insert(path);
        }
        if batch.rescan {
            self.rearm()
        } else {
            Flushed::Told(batch)
        }
    }

    /// Start over: other rules, lost events, another root.
    fn rearm(&mut self) -> Flushed {
        match Self::arm(&self.source, &self.sink) {
            Ok(fresh) => {
                *self = fresh;
                Flushed::Told(ChangeBatch::everything())
            }
            Err(NotWatched::WatchDegraded(degraded)) => Flushed::WatchDegraded(degraded),
            Err(NotWatched::Source(SourceError::Gone { .. })) => Flushed::RootLost,
            // A tree that cannot be followed: who rescans it learns why.
            Err(NotWatched::Source(_)) => Flushed::Told(ChangeBatch::everything()),
        }
    }

    fn watch_below(
        &mut self,
        root: &RootDir,
        rules: &IgnoreRules,
        top: &str,
    ) -> Result<(), NotWatched> {
        let mut waiting = vec![top.to_owned()];
        while let Some(dir) = waiting.pop() {
            match self
                .watcher
                .watch(&self.source.root().join(&dir), RecursiveMode::NonRecursive)
            {
                Ok(()) => {}
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(NotWatched::WatchDegraded(WatchDegraded::of(&error))),
            }
            let names = self.source.names();
            waiting.extend(subdirectories(root, rules, names, &dir));
        }
        Ok(())
    }
}

fn is_gone(error: &notify::Error) -> bool {
    use std::io::ErrorKind as Io;
    match &error.kind {
        ErrorKind::PathNotFound => true,
        // Unreadable directories are named by the scan.
        ErrorKind::Io(error) => {
            matches!(
                error.kind(),
                Io::NotFound | Io::NotADirectory | Io::PermissionDenied
            )
        }
        _ => false,
    }
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    path.strip_prefix(root).ok()?.to_str().map(str::to_owned)
}
