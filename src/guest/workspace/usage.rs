//! How much the home holds, counted a little at a time so that nothing else waits for it.

use std::{
    collections::HashSet,
    fs::{self, Metadata, ReadDir},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use crate::{init::app::Waiter, sys};

/// Entries looked at in one turn of the loop: a few milliseconds.
const TURN: usize = 1000;
/// Names of one file that are told apart. Beyond it each counts, which errs to the safe side.
const LINKED: usize = 1 << 17;

pub struct HomeUsage {
    home: PathBuf,
    waiters: Vec<Waiter>,
    todo: Vec<ReadDir>,
    linked: HashSet<u64>,
    bytes: u64,
    files: u64,
}

/// What was found, and who asked.
pub struct UsageCount {
    pub waiters: Vec<Waiter>,
    pub bytes: u64,
    pub files: u64,
    /// Free to us where the home is.
    pub free: u64,
}

impl HomeUsage {
    pub fn of(home: PathBuf) -> Self {
        Self {
            home,
            waiters: Vec::new(),
            todo: Vec::new(),
            linked: HashSet::new(),
            bytes: 0,
            files: 0,
        }
    }

    /// Who asks while it is being counted gets that count.
    pub fn ask(&mut self, waiter: Waiter) {
        if self.waiters.is_empty() {
            (self.bytes, self.files) = (0, 0);
            self.todo.extend(fs::read_dir(&self.home));
        }
        self.waiters.push(waiter);
    }

    pub fn is_counting(&self) -> bool {
        !self.waiters.is_empty()
    }

    /// Go on. Says what was found once there is no more to look at.
    pub fn advance(&mut self) -> Option<UsageCount> {
        if self.waiters.is_empty() {
            return None;
        }
        for _ in 0..TURN {
            let Some(dir) = self.todo.last_mut() else {
                self.unnamed();
                self.linked.clear();
                return Some(UsageCount {
                    waiters: std::mem::take(&mut self.waiters),
                    bytes: self.bytes,
                    files: self.files,
                    free: sys::free_bytes(&self.home).unwrap_or(u64::MAX),
                });
            };
            let Some(entry) = dir.next() else {
                self.todo.pop();
                continue;
            };
            // What went away meanwhile holds nothing.
            let Ok(entry) = entry else { continue };
            let Ok(root_metadata) = entry.metadata() else {
                continue;
            };
            self.count(&root_metadata);
            if root_metadata.is_dir() {
                // One that the app closed to itself is counted without what it holds.
                self.todo.extend(fs::read_dir(entry.path()));
            }
        }
        None
    }

    fn count(&mut self, root_metadata: &Metadata) {
        let is_new = root_metadata.is_dir()
            || root_metadata.nlink() == 1
            || self.linked.len() >= LINKED
            || self.linked.insert(root_metadata.ino());
        if is_new {
            self.files += 1;
            self.bytes += root_metadata.blocks() * 512;
        }
    }

    /// Files without a name that a process holds open: they take room all the same.
    fn unnamed(&mut self) {
        let Ok(device) = fs::metadata(&self.home).map(|root_metadata| root_metadata.dev()) else {
            return;
        };
        let Ok(processes) = fs::read_dir("/proc") else {
            return;
        };
        for process in processes.flatten() {
            let Ok(open) = fs::read_dir(process.path().join("fd")) else {
                continue;
            };
            for file in open.flatten() {
                let Ok(root_metadata) = fs::metadata(file.path()) else {
                    continue;
                };
                if root_metadata.nlink() == 0
                    && root_metadata.dev() == device
                    && self.linked.insert(root_metadata.ino())
                {
                    self.files += 1;
                    self.bytes += root_metadata.blocks() * 512;
                }
            }
        }
    }
}
