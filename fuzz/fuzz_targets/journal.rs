//! The guest's journal as a crash or an app may leave it: it opens, and what is added is kept.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;

#[path = "../../src/guest/workspace/journal.rs"]
mod journal;

use journal::{Journal, JournalEntry};

fuzz_target!(|data: &[u8]| {
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    fs::write(dir.path().join("journal"), data).unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let entry = JournalEntry {
        token: [7; 32],
        mode: 0o644,
        is_link: false,
    };
    journal.pending("some/file").unwrap();
    journal.settle("some/file", Some(entry));
    journal.flush().unwrap();
    let before: Vec<_> = journal
        .iter()
        .map(|(path, at)| (path.to_owned(), at.token))
        .collect();
    let again = Journal::open(dir.path()).unwrap();
    let after: Vec<_> = again
        .iter()
        .map(|(path, at)| (path.to_owned(), at.token))
        .collect();
    assert_eq!(before, after);
    assert!(again.get("some/file") == Some(entry));
});
