//! `PendingChanges`: events gathered until a burst is over.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use notify::{
    Event, EventKind,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode},
};
use tokio::time::Instant;

/// This long without an event ends a burst: in effect up to 2 ms, for the runtime's timers round up
/// to the next whole millisecond.
const QUIET: Duration = Duration::from_millis(1);
/// No burst is held back longer.
const LONGEST: Duration = Duration::from_millis(25);
/// Beyond this a rescan is cheaper.
const MOST_PATHS: usize = 20_000;

#[derive(Debug, Default)]
pub struct PendingChanges {
    /// Each with what is known of it.
    pub paths: BTreeMap<PathBuf, EventTrace>,
    /// Events were lost.
    pub rescan: bool,
    /// Files seen written to and not yet closed.
    unfinished: usize,
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventTrace {
    pub was_dir: bool,
    is_unfinished: bool,
}

impl PendingChanges {
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.rescan
    }

    pub fn lose(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        self.rescan = true;
        self.unfinished = 0;
        self.paths.clear();
    }

    pub fn add(&mut self, event: Event, now: Instant) {
        self.since.get_or_insert(now);
        if self.rescan {
            return;
        }
        let was_dir = matches!(
            event.kind,
            EventKind::Remove(RemoveKind::Folder) | EventKind::Create(CreateKind::Folder)
        );
        for path in event.paths {
            let trace = self.paths.entry(path).or_default();
            trace.was_dir |= was_dir;
            let was_unfinished = trace.is_unfinished;
            if let Some(is_unfinished) = leaves_open(event.kind) {
                trace.is_unfinished = is_unfinished;
            }
            self.unfinished += usize::from(trace.is_unfinished);
            self.unfinished -= usize::from(was_unfinished);
        }
        if self.paths.len() > MOST_PATHS {
            self.lose(now);
        }
    }

    /// When the burst is over if nothing more comes.
    pub fn ends(&self, now: Instant) -> Instant {
        let latest = self.since.unwrap_or(now) + LONGEST;
        if self.unfinished == 0 {
            latest.min(now + QUIET)
        } else {
            latest
        }
    }
}

/// Whether a file may be half written after this event. Only inotify tells of closing.
fn leaves_open(kind: EventKind) -> Option<bool> {
    match kind {
        _ if !cfg!(target_os = "linux") => None,
        EventKind::Create(CreateKind::File) | EventKind::Modify(ModifyKind::Data(_)) => Some(true),
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Remove(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(false),
        _ => None,
    }
}

/// Reading changes nothing.
pub fn matters(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::DataChange;

    use super::*;

    const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(PathBuf::from(path))
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_ends_a_burst_and_so_does_its_age() {
        let start = Instant::now();
        let mut pending = PendingChanges::default();
        pending.add(event(CLOSED, "/a"), start);
        assert_eq!(pending.ends(start), start + QUIET);
        let later = start + Duration::from_millis(24);
        pending.add(event(CLOSED, "/b"), later);
        assert_eq!(pending.ends(later), start + LONGEST);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn a_file_being_written_is_waited_for() {
        let start = Instant::now();
        let mut pending = PendingChanges::default();
        pending.add(event(EventKind::Create(CreateKind::File), "/a"), start);
        pending.add(event(WRITTEN, "/a"), start);
        assert_eq!(pending.ends(start), start + LONGEST);
        pending.add(event(CLOSED, "/a"), start);
        assert_eq!(pending.ends(start), start + QUIET);
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_paths_become_a_rescan() {
        let now = Instant::now();
        let mut pending = PendingChanges::default();
        for n in 0..=MOST_PATHS {
            pending.add(event(CLOSED, &format!("/{n}")), now);
        }
        assert!(pending.rescan && pending.paths.is_empty());
    }

    #[test]
    fn reading_does_not_matter() {
        assert!(!matters(&event(
            EventKind::Access(AccessKind::Open(AccessMode::Any)),
            "/a"
        )));
        assert!(matters(&event(CLOSED, "/a")));
        assert!(matters(&event(WRITTEN, "/a")));
    }
}
