//! `Journal`: what happened to one instance, remembered a little and told to whoever follows.

use std::{collections::VecDeque, sync::Mutex};

use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::{model::Event, store::PastEvent};

/// How many events a late reader still gets.
const REMEMBERED: usize = 500;
/// How far a reader may fall behind before it misses some.
const BACKLOG: usize = 2048;

/// One event and when it happened.
#[derive(Debug, Clone)]
pub struct Entry {
    pub at: Timestamp,
    pub event: Event,
}

#[derive(Debug)]
pub struct Journal {
    past: Mutex<VecDeque<Entry>>,
    now: broadcast::Sender<Entry>,
}

impl Journal {
    pub fn new() -> Self {
        Self::of(Vec::new())
    }

    /// One that remembers what an earlier agent kept.
    pub fn of(past: Vec<PastEvent>) -> Self {
        let remember = |PastEvent { at, event }| Entry { at, event };
        let skip = past.len().saturating_sub(REMEMBERED);
        Self {
            past: Mutex::new(past.into_iter().skip(skip).map(remember).collect()),
            now: broadcast::channel(BACKLOG).0,
        }
    }

    pub fn tell(&self, event: Event) {
        let entry = Entry {
            at: Timestamp::now(),
            event,
        };
        let mut past = self.past.lock().expect("no holder of this lock panics");
        if past.len() == REMEMBERED {
            past.pop_front();
        }
        past.push_back(entry.clone());
        // Sent under the lock, so that `follow` neither misses an entry nor sees one twice.
        let _ = self.now.send(entry);
    }

    /// What is remembered, and a reader of all that comes after.
    pub fn follow(&self) -> (Vec<Entry>, broadcast::Receiver<Entry>) {
        let past = self.past.lock().expect("no holder of this lock panics");
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
        journal.tell(Event::Heartbeat {});
        let (past, mut now) = journal.follow();
        journal.tell(Event::Heartbeat {});
        assert_eq!(past.len(), 1);
        assert!(now.try_recv().is_ok());
        assert!(now.try_recv().is_err());
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let journal = Journal::new();
        for _ in 0..=REMEMBERED {
            journal.tell(Event::Heartbeat {});
        }
        assert_eq!(journal.follow().0.len(), REMEMBERED);
    }
}
