//! One of our own output streams, which the engine keeps as the log; never waited for.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
};

use crate::sys;

/// Beyond this the programs that write have to wait.
const FULL: usize = 256 * 1024;

pub struct Output {
    file: Option<File>,
    pending: Vec<u8>,
}

impl Output {
    pub fn new(stream: &impl AsFd) -> Self {
        let file = stream.as_fd().try_clone_to_owned().map(File::from).ok();
        if let Some(file) = &file {
            let _ = sys::set_nonblocking(file);
        }
        Self { file, pending: Vec::new() }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.flush();
    }

    pub fn flush(&mut self) {
        while !self.pending.is_empty() {
            match self.file.as_mut().map(|file| file.write(&self.pending)) {
                Some(Ok(len @ 1..)) => drop(self.pending.drain(..len)),
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Nobody reads the log any more.
                _ => {
                    self.file = None;
                    self.pending.clear();
                }
            }
        }
    }

    pub fn is_full(&self) -> bool {
        self.pending.len() >= FULL
    }

    pub fn waits(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().filter(|_| !self.pending.is_empty()).map(File::as_fd)
    }
}

pub struct Log {
    pub stdout: Output,
    pub stderr: Output,
}

impl Log {
    pub fn of(&mut self, stderr: bool) -> &mut Output {
        if stderr { &mut self.stderr } else { &mut self.stdout }
    }

    pub fn is_full(&self, stderr: bool) -> bool {
        if stderr { self.stderr.is_full() } else { self.stdout.is_full() }
    }
}
