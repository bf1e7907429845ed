//! `Journal`: what happened to one instance, remembered a little, sent to its readers, and
//! written to the agent's log.

use std::collections::VecDeque;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tracing::Span;

use super::agent_log;
use crate::{model::Event, store::PastEvent};

/// How many events a late reader still gets.
const REMEMBERED: usize = 500;
/// How far a reader may fall behind before it misses some.
const BACKLOG: usize = 2048;

/// One event and when it happened.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    pub at: Timestamp,
    pub event: Event,
}

#[derive(Debug)]
pub struct Journal {
    past: Mutex<VecDeque<JournalEntry>>,
    now: broadcast::Sender<JournalEntry>,
    /// The instance's, so that each line of the log says which it is.
    span: Span,
}

impl Journal {
    pub fn new() -> Self {
        Self::of(Vec::new(), Span::none())
    }

    /// One that remembers what an earlier agent kept.
    pub fn of(past: Vec<PastEvent>, span: Span) -> Self {
        let remember = |PastEvent { at, event }| JournalEntry { at, event };
        let skip = past.len().saturating_sub(REMEMBERED);
        Self {
            past: Mutex::new(past.into_iter().skip(skip).map(remember).collect()),
            now: broadcast::channel(BACKLOG).0,
            span,
        }
    }

    pub fn emit(&self, event: Event) {
        self.span.in_scope(|| agent_log::log(&event));
        let entry = JournalEntry {
            at: Timestamp::now(),
            event,
        };
        let mut past = self.past.lock();
        if past.len() == REMEMBERED {
            past.pop_front();
        }
        past.push_back(entry.clone());
        // Sent under the lock, so that `follow` neither misses an entry nor sees one twice.
        let _ = self.now.send(entry);
    }

    /// What is remembered, and a reader of all that comes after.
    pub fn follow(&self) -> (Vec<JournalEntry>, broadcast::Receiver<JournalEntry>) {
        let past = self.past.lock();
        (past.iter().cloned().collect(), self.now.subscribe())
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_gets_the_past_once_and_then_the_rest() {
        let journal = Journal::new();
        journal.emit(Event::Heartbeat {});
        let (past, mut now) = journal.follow();
        journal.emit(Event::Heartbeat {});
        assert_eq!(past.len(), 1);
        assert!(now.try_recv().is_ok());
        assert!(now.try_recv().is_err());
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let journal = Journal::new();
        for _ in 0..=REMEMBERED {
            journal.emit(Event::Heartbeat {});
        }
        assert_eq!(journal.follow().0.len(), REMEMBERED);
    }
}
