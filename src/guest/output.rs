//! Our own output streams, which the engine keeps as the log; never waited for.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use crate::{pace::Pace, sys};

/// Beyond this the programs that write have to wait. As much as a pipe holds.
const FULL: usize = 64 * 1024;
/// How long the end waits for an engine that takes nothing. Its own patience with us is 10 s.
const PATIENCE_MS: i32 = 5000;

/// What the rest of an output waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Engine,
    Pace,
}

struct Output {
    file: Option<File>,
    pending: Vec<u8>,
    waits: Waits,
}

impl Output {
    fn new(stream: &impl AsFd) -> Self {
        let file = stream.as_fd().try_clone_to_owned().map(File::from).ok();
        if let Some(file) = &file {
            let _ = sys::set_nonblocking(file);
        }
        Self { file, pending: Vec::new(), waits: Waits::Engine }
    }

    /// Write what the pace allows at this time, or all there is.
    fn flush(&mut self, mut pace: Option<(&mut Pace, Duration)>) {
        while !self.pending.is_empty() {
            let Some(file) = &mut self.file else { return self.pending.clear() };
            let fit = match &mut pace {
                Some((pace, now)) => pace.fits(&self.pending, *now),
                None => self.pending.len(),
            };
            if fit == 0 {
                self.waits = Waits::Pace;
                return;
            }
            match file.write(&self.pending[..fit]) {
                Ok(len @ 1..) => {
                    if let Some((pace, now)) = &mut pace {
                        pace.pay(&self.pending[..len], *now);
                    }
                    self.pending.drain(..len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waits = Waits::Engine;
                    return;
                }
                // Nobody reads the log any more.
                _ => self.file = None,
            }
        }
    }

    /// The stream, while the engine has to take something before more can be written.
    fn blocked(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().filter(|_| self.is_waiting(Waits::Engine)).map(File::as_fd)
    }

    fn is_waiting(&self, what: Waits) -> bool {
        !self.pending.is_empty() && self.waits == what
    }
}

/// Both streams, which share what may be spent on them.
pub struct Log {
    outputs: [Output; 2],
    pace: Pace,
    began: Instant,
}

impl Log {
    pub fn new() -> Self {
        Self {
            outputs: [Output::new(&io::stdout()), Output::new(&io::stderr())],
            pace: Pace::new(),
            began: Instant::now(),
        }
    }

    pub fn write(&mut self, stderr: bool, bytes: &[u8]) {
        self.outputs[usize::from(stderr)].pending.extend_from_slice(bytes);
        self.flush(stderr);
    }

    pub fn flush(&mut self, stderr: bool) {
        let now = self.began.elapsed();
        self.outputs[usize::from(stderr)].flush(Some((&mut self.pace, now)));
    }

    /// Write what has waited long enough.
    pub fn advance(&mut self) {
        for stderr in [false, true] {
            if self.outputs[usize::from(stderr)].is_waiting(Waits::Pace) {
                self.flush(stderr);
            }
        }
    }

    /// A program has ended: what it wrote last does not wait for more.
    pub fn hurry(&mut self) {
        for stderr in [false, true] {
            self.pace.hurry();
            self.flush(stderr);
        }
    }

    /// The last of all goes whatever it costs, unless the engine takes nothing for a while.
    pub fn finish(&mut self) {
        for output in &mut self.outputs {
            output.flush(None);
            while let Some(fd) = output.blocked() {
                let mut fds = [sys::watch(fd, sys::POLLOUT)];
                if sys::wait(&mut fds, PATIENCE_MS).is_err() || fds[0].revents == 0 {
                    break;
                }
                output.flush(None);
            }
        }
    }

    pub fn is_full(&self, stderr: bool) -> bool {
        self.outputs[usize::from(stderr)].pending.len() >= FULL
    }

    /// What has to be writable before more can go.
    pub fn waits(&self, stderr: bool) -> Option<BorrowedFd<'_>> {
        self.outputs[usize::from(stderr)].blocked()
    }

    /// When [`Log::advance`] wants to be called, if nothing else happens.
    pub fn timer(&self) -> Option<Instant> {
        let now = self.began.elapsed();
        let waiting = self.outputs.iter().filter(|output| output.is_waiting(Waits::Pace));
        let wait = |output: &Output| self.pace.wait(now, output.pending.len());
        let least = waiting.map(|output| wait(output).unwrap_or(Duration::ZERO)).min()?;
        Some(Instant::now() + least)
    }
}
