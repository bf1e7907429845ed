//! A file too large for one frame: it grows under a temporary name and takes its own at the end.

use std::{
    fs::File,
    io::{self, Seek, Write},
};

use crate::{
    beneath::{look, refusal},
    files::{Done, Harm, Place, Workspace, finish, make_room, settle_in_place, writable_in_place},
    journal::Entry,
    sys,
    wire::Outcome,
};

/// Up to here an existing file is overwritten in place; copying more would hold up everybody else.
const IN_PLACE: u64 = 8 * 1024 * 1024;

pub struct Upload {
    path: String,
    place: Place,
    temporary: String,
    file: File,
    entry: Entry,
    before: Option<Entry>,
    len: u64,
    written: u64,
    failed: Option<Outcome>,
}

impl Upload {
    pub fn begin(workspace: &mut Workspace, path: &str, entry: Entry, len: u64) -> Done<Self> {
        let place = workspace.place(path)?;
        let before = workspace.journal.get(path);
        workspace.journal.pending(path).map_err(|error| refusal(&error))?;
        match workspace.temporary(&place, entry.mode) {
            Ok((temporary, file)) => Ok(Self {
                path: path.to_owned(),
                place,
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

    pub fn end(mut self, workspace: &mut Workspace) -> Done {
        if self.failed.is_none() && self.written != self.len {
            self.failed = Some(Outcome::Changed);
        }
        if let Some(outcome) = self.failed {
            self.abort(workspace);
            return Err(outcome);
        }
        match self.take_place() {
            Ok(()) => {
                workspace.journal.settle(&self.path, Some(self.entry));
                workspace.touched(&self.path);
                Ok(())
            }
            Err(Harm::Torn(error)) => Err(refusal(&error)),
            Err(Harm::Unharmed(error)) => {
                self.abort(workspace);
                Err(refusal(&error))
            }
        }
    }

    pub fn abort(self, workspace: &mut Workspace) {
        let _ = sys::unlink_at(&self.place.dir, &self.temporary);
        // Unless somebody finished this path meanwhile.
        if workspace.journal.get(&self.path) == Some(Entry::PENDING) {
            workspace.journal.settle(&self.path, self.before);
        }
    }

    fn take_place(&mut self) -> Result<(), Harm> {
        let existing = look(&self.place.dir, &self.place.name).map_err(Harm::Unharmed)?;
        if self.len <= IN_PLACE
            && let Some(existing) = &existing
            && let Some(mut target) = writable_in_place(&self.place, existing)
        {
            make_room(&target, existing, self.len).map_err(Harm::Unharmed)?;
            self.file.rewind().map_err(Harm::Unharmed)?;
            let copied = io::copy(&mut self.file, &mut target)
                .and_then(|len| settle_in_place(&target, existing, len, self.entry.mode));
            let _ = sys::unlink_at(&self.place.dir, &self.temporary);
            return copied.map_err(Harm::Torn);
        }
        finish(&self.place, &self.temporary, Ok(()))
    }
}
