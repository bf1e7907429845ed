//! One relayed TCP connection into the app, with a window in each direction.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
};

use guest_api::wire::{Malformed, SLICE, ToAgent, WINDOW};

use crate::sys;

/// Told to the agent once so much has gone on to the app.
const RETURN: u32 = WINDOW / 4;

pub struct RelayChannel {
    socket: TcpStream,
    /// While the connection is being made: where else to try.
    connecting: Option<Vec<IpAddr>>,
    port: u16,
    /// From the agent, not yet taken by the app.
    pending: Vec<u8>,
    /// Taken by the app, not yet given back to the agent's window.
    taken: u32,
    agent_done: bool,
    /// What the agent has room for.
    credit: u32,
    app_done: bool,
}

impl RelayChannel {
    /// Begin to connect; fails when every address refuses at once.
    pub fn dial(port: u16, mut candidates: Vec<IpAddr>) -> io::Result<Self> {
        candidates.reverse();
        let (socket, connecting) = next(port, candidates)?;
        Ok(Self {
            socket,
            connecting,
            port,
            pending: Vec::new(),
            taken: 0,
            agent_done: false,
            credit: WINDOW,
            app_done: false,
        })
    }

    pub fn is_open(&self) -> bool {
        self.connecting.is_none()
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What to wait for; nothing while the other side has to act first.
    pub fn interest(&self, link_has_room: bool) -> i16 {
        if self.connecting.is_some() {
            return sys::POLLOUT;
        }
        let read = link_has_room && self.credit > 0 && !self.app_done;
        let read = if read { sys::POLLIN } else { 0 };
        if self.pending.is_empty() {
            read
        } else {
            read | sys::POLLOUT
        }
    }

    /// See whether the connection was made; tries the next address when it was not.
    pub fn connected(&mut self) -> io::Result<bool> {
        let Some(rest) = self.connecting.take() else {
            return Ok(true);
        };
        if let Some(error) = self.socket.take_error()? {
            let (socket, connecting) = next(self.port, rest).map_err(|_| error)?;
            self.socket = socket;
            self.connecting = connecting;
        }
        Ok(self.is_open())
    }

    pub fn add_credit(&mut self, bytes: u32) -> Result<(), Malformed> {
        self.credit = self
            .credit
            .checked_add(bytes)
            .filter(|&sum| sum <= WINDOW)
            .ok_or(Malformed)?;
        Ok(())
    }

    /// Take bytes from the agent. More than the window allows is its mistake.
    pub fn accept(&mut self, content: &[u8]) -> Result<(), Malformed> {
        let held = self.pending.len() + usize::try_from(self.taken).unwrap_or(0);
        if self.agent_done || held + content.len() > WINDOW as usize {
            return Err(Malformed);
        }
        self.pending.extend_from_slice(content);
        Ok(())
    }

    pub fn agent_done(&mut self) {
        self.agent_done = true;
    }

    /// Pass on to the app. Says what to give back to the agent's window.
    pub fn write(&mut self) -> io::Result<Option<u32>> {
        let mut sent = 0;
        while sent < self.pending.len() {
            match self.socket.write(&self.pending[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.pending.drain(..sent);
        self.taken += u32::try_from(sent).unwrap_or(0);
        if self.pending.is_empty() && self.agent_done {
            // Refused when the app has hung up already, which its own end of data tells.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        Ok((self.taken >= RETURN).then(|| std::mem::take(&mut self.taken)))
    }

    /// Read from the app what the agent has room for. Says what to send.
    pub fn read<'a>(&mut self, scratch: &'a mut [u8]) -> io::Result<Option<ToAgent<'a>>> {
        let room = usize::try_from(self.credit)
            .unwrap_or(0)
            .min(SLICE)
            .min(scratch.len());
        if room == 0 || self.app_done {
            return Ok(None);
        }
        match self.socket.read(&mut scratch[..room]) {
            Ok(0) => {
                self.app_done = true;
                Ok(Some(ToAgent::Eof {}))
            }
            Ok(len) => {
                self.credit -= u32::try_from(len).unwrap_or(self.credit);
                Ok(Some(ToAgent::Data {
                    content: &scratch[..len],
                }))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether both directions have ended.
    pub fn is_done(&self) -> bool {
        self.app_done && self.agent_done && self.pending.is_empty()
    }
}

/// Begin with the last of the candidates that does not refuse at once. `None` when that is done.
fn next(port: u16, mut rest: Vec<IpAddr>) -> io::Result<(TcpStream, Option<Vec<IpAddr>>)> {
    let mut refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    while let Some(address) = rest.pop() {
        match sys::begin_connect(SocketAddr::new(address, port)) {
            Ok((socket, made)) => {
                let _ = socket.set_nodelay(true);
                return Ok((socket, (!made).then_some(rest)));
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
