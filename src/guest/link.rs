//! `guest link`: carries bytes between our standard streams and the guest's socket.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::sys;

const TIMEOUT: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(2);
const BUFFER: usize = 256 * 1024;
const PIECE: usize = 128 * 1024;

/// Runs until either side has ended.
pub fn run(socket: &Path) -> io::Result<()> {
    match relay(socket) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn relay(socket: &Path) -> io::Result<()> {
    let socket = File::from(OwnedFd::from(connect(socket)?));
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    for file in [&socket, &stdin, &stdout] {
        sys::set_nonblocking(file)?;
    }
    let mut scratch = vec![0; PIECE];
    let (mut inward, mut outward) = (PipeBuffer::default(), PipeBuffer::default());
    loop {
        let mut fds = [
            sys::watch(stdin.as_fd(), inward.wants_in()),
            sys::watch(socket.as_fd(), inward.wants_out() | outward.wants_in()),
            sys::watch(stdout.as_fd(), outward.wants_out()),
        ];
        sys::wait(&mut fds, -1)?;
        inward.transfer(&stdin, &socket, &mut scratch)?;
        outward.transfer(&socket, &stdout, &mut scratch)?;
        let gone = |fd: &sys::PollFd| fd.revents & (sys::POLLERR | sys::POLLHUP) != 0;
        // The agent hung up its end, or one side ended and all it said was passed on.
        if inward.is_over() || outward.is_over() || gone(&fds[2]) {
            return Ok(());
        }
    }
}

/// The first process may still be getting up.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let until = Instant::now() + TIMEOUT;
    loop {
        match UnixStream::connect(socket) {
            Err(_) if Instant::now() < until => sleep(RETRY),
            other => return other,
        }
    }
}

#[derive(Default)]
struct PipeBuffer {
    buffered: Vec<u8>,
    ended: bool,
}

impl PipeBuffer {
    fn wants_in(&self) -> i16 {
        if self.buffered.len() < BUFFER && !self.ended {
            sys::POLLIN
        } else {
            0
        }
    }

    fn wants_out(&self) -> i16 {
        if self.buffered.is_empty() {
            0
        } else {
            sys::POLLOUT
        }
    }

    fn is_over(&self) -> bool {
        self.ended && self.buffered.is_empty()
    }

    fn transfer(&mut self, mut from: &File, to: &File, scratch: &mut [u8]) -> io::Result<()> {
        self.write_out(to)?;
        if self.wants_in() == 0 {
            return Ok(());
        }
        match from.read(scratch) {
            Ok(0) => self.ended = true,
            Ok(len) => {
                self.buffered.extend_from_slice(&scratch[..len]);
                self.write_out(to)?;
            }
            Err(error) => ignore_would_block(error)?,
        }
        Ok(())
    }

    fn write_out(&mut self, mut to: &File) -> io::Result<()> {
        let mut sent = 0;
        let mut result = Ok(());
        while sent < self.buffered.len() {
            match to.write(&self.buffered[sent..]) {
                Ok(len) => sent += len,
                Err(error) => {
                    result = ignore_would_block(error);
                    break;
                }
            }
        }
        self.buffered.drain(..sent);
        result
    }
}

fn ignore_would_block(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
