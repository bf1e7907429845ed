//! Our own output streams, which the engine keeps as the log; never waited for.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use super::output_rate::OutputRate;
use crate::sys;

/// Beyond this the programs that write have to wait. As much as a pipe holds.
const FULL: usize = 64 * 1024;
/// How long the end waits for an engine that takes nothing. Its own patience with us is 10 s.
const TIMEOUT_MS: i32 = 5000;

/// The engine shows nothing of a line before its end. One that has stayed without an end for so long
/// gets one from us: a question that waits for its answer is to be read.
const QUIET: Duration = Duration::from_secs(1);
/// The same of one that goes on and on, such as a progress bar.
const LONGEST: Duration = Duration::from_secs(5);

/// What the rest of an output waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OutputBlock {
    Engine,
    OutputRate,
}

struct OutputStream {
    file: Option<File>,
    pending: Vec<u8>,
    waits: OutputBlock,
    /// Of a line that has been written without its end: when its first part was, and its last.
    open: Option<(Instant, Instant)>,
}

impl OutputStream {
    fn new(stream: &impl AsFd) -> Self {
        let file = stream.as_fd().try_clone_to_owned().map(File::from).ok();
        if let Some(file) = &file {
            let _ = sys::set_nonblocking(file);
        }
        Self {
            file,
            pending: Vec::new(),
            waits: OutputBlock::Engine,
            open: None,
        }
    }

    /// Write what the pace allows at this time, or all there is.
    fn flush(&mut self, mut rate: Option<(&mut OutputRate, Duration)>) {
        while !self.pending.is_empty() {
            let Some(file) = &mut self.file else {
                return self.pending.clear();
            };
            let fit = match &mut rate {
                Some((rate, now)) => rate.allowed_bytes(&self.pending, *now),
                None => self.pending.len(),
            };
            if fit == 0 {
                self.waits = OutputBlock::OutputRate;
                return;
            }
            match file.write(&self.pending[..fit]) {
                Ok(len @ 1..) => {
                    if let Some((rate, now)) = &mut rate {
                        rate.spend(&self.pending[..len], *now);
                    }
                    self.note_end(len);
                    self.pending.drain(..len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waits = OutputBlock::Engine;
                    return;
                }
                // Nobody reads the log any more.
                _ => self.file = None,
            }
        }
    }

    /// Whether the first `len` bytes of what waits, which were written, end a line.
    fn note_end(&mut self, len: usize) {
        let now = Instant::now();
        let written = &self.pending[..len];
        self.open = match (written.iter().rposition(|&byte| byte == b'\n'), self.open) {
            (Some(at), _) if at + 1 == len => None,
            (None, Some((first, _))) => Some((first, now)),
            _ => Some((now, now)),
        };
    }

    /// When an open line is to be ended, if nothing of it waits.
    fn due(&self) -> Option<Instant> {
        let (first, last) = self
            .open
            .filter(|_| self.pending.is_empty() && self.file.is_some())?;
        Some((last + QUIET).min(first + LONGEST))
    }

    /// The stream, while the engine has to take something before more can be written.
    fn blocked(&self) -> Option<BorrowedFd<'_>> {
        self.file
            .as_ref()
            .filter(|_| self.is_waiting(OutputBlock::Engine))
            .map(File::as_fd)
    }

    fn is_waiting(&self, what: OutputBlock) -> bool {
        !self.pending.is_empty() && self.waits == what
    }
}

/// Both streams, which share what may be spent on them.
pub struct Log {
    outputs: [OutputStream; 2],
    rate: OutputRate,
    began: Instant,
}

impl Log {
    pub fn new() -> Self {
        Self {
            outputs: [
                OutputStream::new(&io::stdout()),
                OutputStream::new(&io::stderr()),
            ],
            rate: OutputRate::new(),
            began: Instant::now(),
        }
    }

    pub fn write(&mut self, stderr: bool, bytes: &[u8]) {
        self.outputs[usize::from(stderr)]
            .pending
            .extend_from_slice(bytes);
        self.flush(stderr);
    }

    pub fn flush(&mut self, stderr: bool) {
        let now = self.began.elapsed();
        self.outputs[usize::from(stderr)].flush(Some((&mut self.rate, now)));
    }

    /// Write what has waited long enough.
    pub fn advance(&mut self) {
        for stderr in [false, true] {
            let output = &mut self.outputs[usize::from(stderr)];
            if output.due().is_some_and(|due| due <= Instant::now()) {
                self.write(stderr, b"\n");
            }
            if self.outputs[usize::from(stderr)].is_waiting(OutputBlock::OutputRate) {
                self.flush(stderr);
            }
        }
    }

    /// A program has ended: what it wrote last does not wait for more.
    pub fn flush_soon(&mut self) {
        for stderr in [false, true] {
            self.rate.allow_burst();
            self.flush(stderr);
        }
    }

    /// The last of all goes whatever it costs, unless the engine takes nothing for a while.
    pub fn finish(&mut self) {
        for output in &mut self.outputs {
            output.flush(None);
            while let Some(fd) = output.blocked() {
                let mut fds = [sys::watch(fd, sys::POLLOUT)];
                if sys::wait(&mut fds, TIMEOUT_MS).is_err() || fds[0].revents == 0 {
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
        let waiting = self
            .outputs
            .iter()
            .filter(|output| output.is_waiting(OutputBlock::OutputRate));
        let wait = |output: &OutputStream| self.rate.wait(now, output.pending.len());
        let least = waiting
            .map(|output| wait(output).unwrap_or(Duration::ZERO))
            .min();
        let due = self.outputs.iter().filter_map(OutputStream::due).min();
        due.into_iter()
            .chain(least.map(|least| Instant::now() + least))
            .min()
    }
}
