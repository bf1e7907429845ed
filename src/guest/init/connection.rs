//! One link: its buffers and everything that ends with it.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use guest_api::wire::{Message, Outcome, ToAgent, encode};

use crate::{ports::relay::RelayChannel, sys, workspace::upload::Upload};

/// The agent pings every five seconds.
pub const IDLE: Duration = Duration::from_secs(20);
/// Read at a time, so that links take turns.
pub const PIECE: usize = 128 * 1024;
/// Beyond this nothing more is taken from the agent or from a channel.
const HIGH: usize = 1024 * 1024;
/// Beyond this, nobody reads what we say.
const LOST: usize = 8 * 1024 * 1024;

pub struct LinkConnection {
    pub stream: UnixStream,
    pub input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    pub last_received: Instant,
    pub greeted: bool,
    pub dead: bool,
    pub channels: BTreeMap<u32, RelayChannel>,
    /// Those that failed to begin keep their reason until they end.
    pub uploads: BTreeMap<u32, Result<Upload, Outcome>>,
}

impl LinkConnection {
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        sys::set_nonblocking(&stream)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            last_received: Instant::now(),
            greeted: false,
            dead: false,
            channels: BTreeMap::new(),
            uploads: BTreeMap::new(),
        })
    }

    pub fn has_room(&self) -> bool {
        self.output.len() - self.sent < HIGH
    }

    pub fn interest(&self) -> i16 {
        let read = if self.has_room() { sys::POLLIN } else { 0 };
        if self.sent < self.output.len() {
            read | sys::POLLOUT
        } else {
            read
        }
    }

    pub fn send<'a>(&mut self, id: u32, message: &impl Message<'a>) {
        if self.output.len() - self.sent > LOST {
            self.dead = true;
        } else {
            encode(id, message, &mut self.output);
        }
    }

    pub fn answer(&mut self, id: u32, outcome: Outcome) {
        self.send(id, &ToAgent::Done { outcome });
    }

    /// Take one piece of what the agent sent.
    pub fn fill(&mut self, scratch: &mut [u8]) {
        match self.stream.read(scratch) {
            Ok(len @ 1..) => {
                self.input.extend_from_slice(&scratch[..len]);
                self.last_received = Instant::now();
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            _ => self.dead = true,
        }
    }

    /// Send what there is, as far as it goes without waiting.
    pub fn flush(&mut self) {
        while self.sent < self.output.len() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(len @ 1..) => self.sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => {
                    self.dead = true;
                    return;
                }
            }
        }
        if self.sent == self.output.len() {
            self.output.clear();
            self.output.shrink_to(HIGH);
            self.sent = 0;
        } else if self.sent > HIGH {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
    }
}
