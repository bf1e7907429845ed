//! A file too large for one frame: it grows under a temporary name and takes its own at the end.

use std::{
    fs::File,
    io::{self, Seek, Write},
};

use guest_api::wire::Outcome;

use super::{
    files::{FileResult, TargetDir, Workspace},
    journal::JournalEntry,
    resolve_beneath::{refusal, stat},
    write::{WriteFailure, allocate, finish, settle_in_place, writable_in_place},
};
use crate::sys;

/// Up to here an existing file is overwritten in place; copying more would hold up everybody else.
const IN_PLACE: u64 = 8 * 1024 * 1024;

pub struct Upload {
    path: String,
    target_dir: TargetDir,
    temporary: String,
    file: File,
    entry: JournalEntry,
    before: Option<JournalEntry>,
    len: u64,
    written: u64,
    failed: Option<Outcome>,
}

impl Upload {
    pub fn begin(
        workspace: &mut Workspace,
        path: &str,
        entry: JournalEntry,
        len: u64,
    ) -> FileResult<Self> {
        let target_dir = workspace.target_dir(path)?;
        let before = workspace.journal.get(path);
        workspace
            .journal
            .pending(path)
            .map_err(|error| refusal(&error))?;
        match workspace.temporary(&target_dir, entry.mode) {
            Ok((temporary, file)) => Ok(Self {
                path: path.to_owned(),
                target_dir,
                temporary,
                file,
                entry,
                before,
                len,
                written: 0,
                failed: None,
            }),
            Err(error) => {
                workspace.journal.settle(path, before);
                Err(refusal(&error))
            }
        }
    }

    pub fn chunk(&mut self, content: &[u8]) {
        self.written = self.written.saturating_add(content.len() as u64);
        if self.failed.is_some() {
        } else if self.written > self.len {
            self.failed = Some(Outcome::Changed);
        } else if let Err(error) = self.file.write_all(content) {
            self.failed = Some(refusal(&error));
        }
        if self.failed.is_some() {
            // Room for others, also while the rest still comes.
            let _ = self.file.set_len(0);
        }
    }

    pub fn end(mut self, workspace: &mut Workspace) -> FileResult {
        if self.failed.is_none() && self.written != self.len {
            self.failed = Some(Outcome::Changed);
        }
        if let Some(outcome) = self.failed {
            self.abort(workspace);
            return Err(outcome);
        }
        match self.replace_target() {
            Ok(()) => {
                workspace.journal.settle(&self.path, Some(self.entry));
                workspace.mark_changed(&self.path);
                Ok(())
            }
            Err(WriteFailure::Torn(error)) => Err(refusal(&error)),
            Err(WriteFailure::Unharmed(error)) => {
                self.abort(workspace);
                Err(refusal(&error))
            }
        }
    }

    pub fn abort(self, workspace: &mut Workspace) {
        let _ = sys::unlink_at(&self.target_dir.dir, &self.temporary);
        // Unless somebody finished this path meanwhile.
        if workspace.journal.get(&self.path) == Some(JournalEntry::PENDING) {
            workspace.journal.settle(&self.path, self.before);
        }
    }

    fn replace_target(&mut self) -> Result<(), WriteFailure> {
        let existing =
            stat(&self.target_dir.dir, &self.target_dir.name).map_err(WriteFailure::Unharmed)?;
        if self.len <= IN_PLACE
            && let Some(existing) = &existing
            && let Some(mut target) = writable_in_place(&self.target_dir, existing)
        {
            allocate(&target, existing, self.len).map_err(WriteFailure::Unharmed)?;
            self.file.rewind().map_err(WriteFailure::Unharmed)?;
            let copied = io::copy(&mut self.file, &mut target)
                .and_then(|len| settle_in_place(&target, existing, len, self.entry.mode));
            let _ = sys::unlink_at(&self.target_dir.dir, &self.temporary);
            return copied.map_err(WriteFailure::Torn);
        }
        finish(&self.target_dir, &self.temporary, Ok(()))
    }
}
