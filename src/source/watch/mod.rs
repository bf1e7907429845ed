//! Following a directory: what changed, told in batches.
//!
//! A batch names paths to look at again, never what happened to them, so that no order of events
//! can mislead. While nobody takes batches, events gather into the next one.

mod poll;
mod watched_dirs;
mod window;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    source::{LocalSource, SourceError},
    task::Scope,
};
use watched_dirs::{EventSink, Flushed, NotWatched, WatchedDirs};
use window::{PendingChanges, matters};

/// Events kept while a batch is being made.
const BACKLOG: usize = 16 << 10;
/// How often a root that went away is looked for.
const ROOT_PAUSE: Duration = Duration::from_millis(500);
/// How often the root is looked at with nothing to tell: its removal is not always told.
const ROOT_CHECK: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeBatch {
    /// Files and directories to look at; what is absent was deleted.
    pub paths: BTreeSet<String>,
    /// Too much happened, or other files are ignored now: everything is to be looked at.
    pub rescan: bool,
}

impl ChangeBatch {
    pub fn everything() -> Self {
        Self {
            paths: BTreeSet::new(),
            rescan: true,
        }
    }
}

#[derive(Debug)]
pub struct SourceWatch {
    pub batches: mpsc::Receiver<ChangeBatch>,
    /// Set once changes are found by reading everything every second.
    pub degraded: watch::Receiver<Option<WatchDegraded>>,
}

/// Why a directory cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchDegraded {
    /// The user's share of watches, or of watchers, is used up.
    NoMoreWatches,
    Unsupported(String),
}

impl WatchDegraded {
    pub(super) fn of(error: &notify::Error) -> Self {
        // ENOSPC and EMFILE.
        let used_up = |error: &std::io::Error| matches!(error.raw_os_error(), Some(28 | 24));
        match &error.kind {
            notify::ErrorKind::MaxFilesWatch => Self::NoMoreWatches,
            notify::ErrorKind::Io(error) if used_up(error) => Self::NoMoreWatches,
            _ => Self::Unsupported(error.to_string()),
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoMoreWatches => {
                "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl, or list directories in `.codemateignore`"
            }
            Self::Unsupported(_) => "edits take up to a second to show",
        }
    }
}

impl fmt::Display for WatchDegraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMoreWatches => f.write_str("the system's limit of file watches is reached"),
            Self::Unsupported(reason) => write!(f, "files cannot be watched here: {reason}"),
        }?;
        f.write_str("; looking for edits once a second instead")
    }
}

/// The task behind a [`SourceWatch`].
struct WatchFollower {
    source: LocalSource,
    scope: Scope,
    sink: EventSink,
    events: mpsc::Receiver<notify::Result<notify::Event>>,
    overflow: Arc<AtomicBool>,
    batches: mpsc::Sender<ChangeBatch>,
    degraded: watch::Sender<Option<WatchDegraded>>,
}

pub async fn start(source: LocalSource, scope: &Scope) -> Result<SourceWatch, SourceError> {
    let (sink, events, overflow) = sink();
    let (batches, batches_out) = mpsc::channel(1);
    let (degraded, degraded_out) = watch::channel(None);
    let (armed_source, armed_sink) = (source.clone(), Arc::clone(&sink));
    let armed = scope
        .spawn_blocking(move || WatchedDirs::arm(&armed_source, &armed_sink))
        .await
        .map_err(|_| SourceError::Stopped)?;
    let scope_of_task = scope.clone();
    let follower = WatchFollower {
        source,
        scope: scope_of_task,
        sink,
        events,
        overflow,
        batches,
        degraded,
    };
    match armed {
        Ok(dirs) => drop(scope.spawn(follower.run(dirs))),
        Err(NotWatched::WatchDegraded(why)) => {
            // Before anyone can ask.
            follower.degraded.send_replace(Some(why));
            drop(scope.spawn(follower.poll()));
        }
        Err(NotWatched::Source(error)) => return Err(error),
    }
    Ok(SourceWatch {
        batches: batches_out,
        degraded: degraded_out,
    })
}

type Events = mpsc::Receiver<notify::Result<notify::Event>>;

fn sink() -> (EventSink, Events, Arc<AtomicBool>) {
    let (tx, events) = mpsc::channel(BACKLOG);
    let overflow = Arc::new(AtomicBool::new(false));
    let lost = Arc::clone(&overflow);
    let sink: EventSink = Arc::new(move |event: notify::Result<notify::Event>| {
        if event.as_ref().is_ok_and(|event| !matters(event)) {
            return;
        }
        // The backlog wakes the reader, which then sees the mark.
        if tx.try_send(event).is_err() {
            lost.store(true, Ordering::Release);
        }
    });
    (sink, events, overflow)
}

impl WatchFollower {
    async fn run(mut self, mut dirs: WatchedDirs) {
        loop {
            let Some(pending) = self.burst().await else {
                return;
            };
            let Ok((returned, flushed)) = self
                .scope
                .spawn_blocking(move || {
                    let flushed = dirs.flush(pending);
                    (dirs, flushed)
                })
                .await
            else {
                return;
            };
            dirs = returned;
            match flushed {
                Flushed::Told(batch) if batch == ChangeBatch::default() => {}
                Flushed::Told(batch) => {
                    if !self.send_batch(batch).await {
                        return;
                    }
                }
                Flushed::WatchDegraded(why) => {
                    drop(dirs);
                    self.degraded.send_replace(Some(why));
                    return self.poll().await;
                }
                Flushed::RootLost => {
                    drop(dirs);
                    match self.root_again().await {
                        Some(Ok(found)) => dirs = found,
                        Some(Err(why)) => {
                            self.degraded.send_replace(Some(why));
                            return self.poll().await;
                        }
                        None => return,
                    }
                }
            }
        }
    }

    /// The events of one burst, or none after a long silence; `None` once stopped.
    async fn burst(&mut self) -> Option<PendingChanges> {
        let mut pending = PendingChanges::default();
        let stop = self.scope.token();
        loop {
            let now = Instant::now();
            let end = if pending.is_empty() {
                now + ROOT_CHECK
            } else {
                pending.ends(now)
            };
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = self.batches.closed() => return None,
                event = self.events.recv() => event?,
                () = tokio::time::sleep_until(end) => return Some(pending),
            };
            let now = Instant::now();
            match event {
                _ if self.overflow.swap(false, Ordering::AcqRel) => pending.lose(now),
                Err(_) => pending.lose(now),
                Ok(event) if event.need_rescan() => pending.lose(now),
                Ok(event) => pending.add(event, now),
            }
            if pending.ends(now) <= now {
                return Some(pending);
            }
        }
    }

    async fn send_batch(&self, batch: ChangeBatch) -> bool {
        tokio::select! {
            () = self.scope.cancelled() => false,
            sent = self.batches.send(batch) => sent.is_ok(),
        }
    }

    /// Tell that the root is gone, then wait for it; `None` once stopped.
    async fn root_again(&mut self) -> Option<Result<WatchedDirs, WatchDegraded>> {
        if !self.send_batch(ChangeBatch::everything()).await {
            return None;
        }
        loop {
            tokio::select! {
                () = self.scope.cancelled() => return None,
                () = self.batches.closed() => return None,
                () = tokio::time::sleep(ROOT_PAUSE) => {}
            }
            let (source, sink) = (self.source.clone(), Arc::clone(&self.sink));
            let armed = self
                .scope
                .spawn_blocking(move || WatchedDirs::arm(&source, &sink));
            match armed.await.ok()? {
                Ok(dirs) => {
                    return self
                        .send_batch(ChangeBatch::everything())
                        .await
                        .then_some(Ok(dirs));
                }
                Err(NotWatched::WatchDegraded(why)) => return Some(Err(why)),
                Err(NotWatched::Source(_)) => {}
            }
        }
    }

    async fn poll(self) {
        let Self {
            source,
            scope,
            batches,
            degraded,
            ..
        } = self;
        poll::run(source, scope, batches).await;
        // Kept to the end, for its receivers to tell "fine" from "over".
        drop(degraded);
    }
}
