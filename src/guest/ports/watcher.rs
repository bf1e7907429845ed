//! Which TCP ports something listens on, as far as is known.
//!
//! To know it takes reading tables for 10 ms at a time, for which nobody's connection should wait: a
//! thread of its own reads them.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use guest_api::wire::Socket;

use super::{
    poll_schedule::{self, PollSchedule},
    proc_net::{self, ListeningPorts, SocketCounts},
};
use crate::sys;

const FAST: Duration = Duration::from_millis(15);
const FAST_FOR: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_millis(500);
/// Of the thread's stack; it holds a line and a buffer's handle.
const STACK: usize = 128 << 10;

/// The side of those who ask.
pub struct PortWatcher {
    state: Arc<PortWatcherState>,
    changes: PipeReader,
    watched: bool,
}

/// What both sides share.
struct PortWatcherState {
    listening_ports: Mutex<ListeningPorts>,
    /// Held while the tables are read, so that what was read last is what is known.
    reading: Mutex<()>,
    request: Mutex<WatchRequest>,
    requested: Condvar,
    /// A byte goes in whenever something changed.
    changes: PipeWriter,
}

/// What is wanted of the thread.
struct WatchRequest {
    watched: bool,
    urgent: bool,
    fast_until: Instant,
}

/// Why it is time to look.
struct PollReason {
    /// Something changed in what is wanted.
    urgent: bool,
    /// Somebody waits for what is seen.
    fast: bool,
}

impl PortWatcher {
    pub fn watch() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        sys::set_nonblocking(&reader)?;
        sys::set_nonblocking(&writer)?;
        let state = Arc::new(PortWatcherState {
            listening_ports: Mutex::default(),
            reading: Mutex::default(),
            request: Mutex::new(WatchRequest {
                watched: false,
                urgent: false,
                fast_until: Instant::now(),
            }),
            requested: Condvar::new(),
            changes: writer,
        });
        let for_thread = state.clone();
        thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || for_thread.poll_forever())?;
        Ok(Self {
            state,
            changes: reader,
            watched: false,
        })
    }

    /// Readable once something changed that [`PortWatcher::has_changed`] has not told.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    pub fn has_changed(&mut self) -> bool {
        // As many changes as there were are one.
        matches!(self.changes.read(&mut [0; 64]), Ok(1..))
    }

    /// Whether anybody wants to know.
    pub fn set_watched(&mut self, watched: bool) {
        if self.watched != watched {
            self.watched = watched;
            self.state.request(|request| request.watched = watched);
        }
    }

    /// Something is about to listen, or somebody new wants to know.
    pub fn poll_soon(&self) {
        self.state.request(|request| {
            request.urgent = true;
            request.fast_until = Instant::now() + FAST_FOR;
        });
    }

    /// Know it now.
    pub fn refresh(&self) {
        self.state.refresh();
    }

    pub fn ports(&self) -> Vec<Socket> {
        let port = |(&port, addresses): (&u16, &Vec<IpAddr>)| Socket {
            port,
            any: addresses.iter().any(IpAddr::is_unspecified),
            loopback: addresses.iter().any(IpAddr::is_loopback),
        };
        lock(&self.state.listening_ports).iter().map(port).collect()
    }

    /// Where to try to connect to a port, best first.
    pub fn candidates(&self, port: u16) -> Vec<IpAddr> {
        let mut candidates = vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        for &address in lock(&self.state.listening_ports)
            .get(&port)
            .into_iter()
            .flatten()
        {
            if !address.is_unspecified() && !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        candidates
    }
}

impl PortWatcherState {
    fn request(&self, change: impl FnOnce(&mut WatchRequest)) {
        change(&mut lock(&self.request));
        self.requested.notify_one();
    }

    fn refresh(&self) {
        let _reading = lock(&self.reading);
        let current = proc_net::listening_ports();
        let mut listening_ports = lock(&self.listening_ports);
        if *listening_ports != current {
            *listening_ports = current;
            // A pipe that is full says so already.
            let _ = (&self.changes).write(&[0]);
        }
    }

    fn poll_forever(&self) {
        let (counts, began) = (SocketCounts::open(), Instant::now());
        let (mut schedule, mut next) = (PollSchedule::default(), began);
        loop {
            let reason = self.wait_until_due(next);
            if reason.urgent {
                schedule.poll_now();
            }
            let (pause, pauses) = match reason.fast {
                true if lock(&self.listening_ports).is_empty() => (FAST, poll_schedule::URGENT),
                true => (FAST, poll_schedule::INTERACTIVE),
                false => (SLOW, poll_schedule::IDLE),
            };
            next = Instant::now() + pause;
            // Counted first: what comes while the tables are read is news the next time.
            let (sockets, from) = (counts.read(), began.elapsed());
            if schedule.is_worth(sockets, from) {
                self.refresh();
                schedule.was_read(sockets, from, began.elapsed(), pauses);
            }
        }
    }

    /// Wait until it is time to look.
    fn wait_until_due(&self, next: Instant) -> PollReason {
        let mut request = lock(&self.request);
        loop {
            let now = Instant::now();
            if request.watched && (request.urgent || now >= next) {
                let urgent = std::mem::take(&mut request.urgent);
                return PollReason {
                    urgent,
                    fast: now < request.fast_until,
                };
            }
            request = if request.watched {
                let remaining = next.saturating_duration_since(now);
                let waited = self.requested.wait_timeout(request, remaining);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.requested
                    .wait(request)
                    .unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
