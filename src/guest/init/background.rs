//! What an app leaves running when its first process ends well, as a program does that goes into the
//! background: for a time, and then for as long as it listens, that is the app.

use std::time::{Duration, Instant};

use super::process::running_processes;
use crate::sys;

/// How long something may run in the background before it has to listen on a port.
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Background {
    /// Our children that are none of the app's.
    earlier_children: Vec<u32>,
    /// `None` once it has listened on a port.
    deadline: Option<Instant>,
    /// Somebody ended since it was last looked at.
    stale: bool,
}

impl Background {
    /// `None` where nothing was left running.
    pub fn of(earlier_children: Vec<u32>) -> Option<Self> {
        let left = !children(&earlier_children).is_empty();
        left.then(|| Self {
            earlier_children,
            deadline: Some(Instant::now() + TIMEOUT),
            stale: true,
        })
    }

    pub fn timer(&self) -> Option<Instant> {
        self.deadline
    }

    /// A command beside the app was started: another child of ours.
    pub fn exempt(&mut self, pid: u32) {
        self.earlier_children.push(pid);
    }

    pub fn on_child_exit(&mut self) {
        self.stale = true;
    }

    pub fn is_gone(&self) -> bool {
        children(&self.earlier_children).is_empty()
    }

    /// Whether it is still the app.
    pub fn is_running(&mut self, listening: bool) -> bool {
        if listening {
            self.deadline = None;
        }
        let gone = std::mem::take(&mut self.stale) && self.is_gone();
        !gone
            && self
                .deadline
                .is_none_or(|deadline| Instant::now() < deadline)
    }

    /// Send a signal to all of it.
    pub fn signal(&self, signal: i32) {
        for pid in children(&self.earlier_children) {
            // It may lead others, as whoever goes into the background does.
            sys::signal_group(pid, signal);
            sys::signal_process(pid, signal);
        }
    }
}

/// Our living children, but for some. Those we did not start lost their own parents.
pub fn children(but: &[u32]) -> Vec<u32> {
    let own = std::process::id();
    let all = running_processes();
    let ours = all
        .iter()
        .filter(|it| it.parent == own && !but.contains(&it.pid));
    ours.map(|it| it.pid).collect()
}
