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

use crate::{
    glance::{self, Glance},
    listening::{self, Bound, Counts},
    sys,
    wire::Socket,
};

const FAST: Duration = Duration::from_millis(15);
const FAST_FOR: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_millis(500);
/// Of the thread's stack; it holds a line and a buffer's handle.
const STACK: usize = 128 << 10;

/// The side of those who ask.
pub struct Listeners {
    known: Arc<Known>,
    changes: PipeReader,
    attended: bool,
}

/// What both sides share.
struct Known {
    bound: Mutex<Bound>,
    /// Held while the tables are read, so that what was read last is what is known.
    reading: Mutex<()>,
    wish: Mutex<Wish>,
    wished: Condvar,
    /// A byte goes in whenever something changed.
    changes: PipeWriter,
}

/// What is wanted of the thread.
struct Wish {
    attended: bool,
    hurried: bool,
    fast_until: Instant,
}

/// Why it is time to look.
struct Due {
    /// Something changed in what is wanted.
    hurried: bool,
    /// Somebody waits for what is seen.
    fast: bool,
}

impl Listeners {
    pub fn watch() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        sys::set_nonblocking(&reader)?;
        sys::set_nonblocking(&writer)?;
        let known = Arc::new(Known {
            bound: Mutex::default(),
            reading: Mutex::default(),
            wish: Mutex::new(Wish { attended: false, hurried: false, fast_until: Instant::now() }),
            wished: Condvar::new(),
            changes: writer,
        });
        let theirs = known.clone();
        thread::Builder::new().stack_size(STACK).spawn(move || theirs.keep_looking())?;
        Ok(Self { known, changes: reader, attended: false })
    }

    /// Readable once something changed that [`Listeners::has_changed`] has not told.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    pub fn has_changed(&mut self) -> bool {
        // As many changes as there were are one.
        matches!(self.changes.read(&mut [0; 64]), Ok(1..))
    }

    /// Whether anybody wants to know.
    pub fn attend(&mut self, attended: bool) {
        if self.attended != attended {
            self.attended = attended;
            self.known.wish(|wish| wish.attended = attended);
        }
    }

    /// Something is about to listen, or somebody new wants to know.
    pub fn hurry(&self) {
        self.known.wish(|wish| {
            wish.hurried = true;
            wish.fast_until = Instant::now() + FAST_FOR;
        });
    }

    /// Know it now.
    pub fn look(&self) {
        self.known.look();
    }

    pub fn ports(&self) -> Vec<Socket> {
        let port = |(&port, addresses): (&u16, &Vec<IpAddr>)| Socket {
            port,
            any: addresses.iter().any(IpAddr::is_unspecified),
            loopback: addresses.iter().any(IpAddr::is_loopback),
        };
        lock(&self.known.bound).iter().map(port).collect()
    }

    /// Where to try to connect to a port, best first.
    pub fn candidates(&self, port: u16) -> Vec<IpAddr> {
        let mut candidates = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        for &address in lock(&self.known.bound).get(&port).into_iter().flatten() {
            if !address.is_unspecified() && !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        candidates
    }
}

impl Known {
    fn wish(&self, change: impl FnOnce(&mut Wish)) {
        change(&mut lock(&self.wish));
        self.wished.notify_one();
    }

    fn look(&self) {
        let _reading = lock(&self.reading);
        let found = listening::bound();
        let mut bound = lock(&self.bound);
        if *bound != found {
            *bound = found;
            // A pipe that is full says so already.
            let _ = (&self.changes).write(&[0]);
        }
    }

    fn keep_looking(&self) {
        let (counts, began) = (Counts::open(), Instant::now());
        let (mut glance, mut next) = (Glance::default(), began);
        loop {
            let due = self.is_due(next);
            if due.hurried {
                glance.hurry();
            }
            let (pause, pauses) = match due.fast {
                true if lock(&self.bound).is_empty() => (FAST, glance::HURRIED),
                true => (FAST, glance::KEEN),
                false => (SLOW, glance::CALM),
            };
            next = Instant::now() + pause;
            // Counted first: what comes while the tables are read is news the next time.
            let (sockets, from) = (counts.read(), began.elapsed());
            if glance.is_worth(sockets, from) {
                self.look();
                glance.was_read(sockets, from, began.elapsed(), pauses);
            }
        }
    }

    /// Wait until it is time to look.
    fn is_due(&self, next: Instant) -> Due {
        let mut wish = lock(&self.wish);
        loop {
            let now = Instant::now();
            if wish.attended && (wish.hurried || now >= next) {
                let hurried = std::mem::take(&mut wish.hurried);
                return Due { hurried, fast: now < wish.fast_until };
            }
            wish = if wish.attended {
                let left = next.saturating_duration_since(now);
                let waited = self.wished.wait_timeout(wish, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.wished.wait(wish).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
