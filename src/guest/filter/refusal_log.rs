//! What was refused, told as one line each on standard output: seldom enough that nobody can flood a
//! log with it.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

/// The same refusal is told again after so long.
const AGAIN: Duration = Duration::from_mins(1);
/// Different refusals remembered, so that one is not told twice.
const MOST: usize = 512;
/// Lines at once, and how long until there is room for one more.
const BURST: u32 = 50;
const REFILL: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    Dns,
    Tls,
    Http,
    /// By the rules of the network namespace, before anything could answer.
    Tcp,
    Udp,
    Other,
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Other => "other",
        })
    }
}

pub struct RefusalLog(Mutex<SeenRefusals>);

struct SeenRefusals {
    last: HashMap<(RefusalKind, String, u16), Instant>,
    room: u32,
    filled: Instant,
}

impl RefusalLog {
    pub fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(SeenRefusals {
            last: HashMap::new(),
            room: BURST,
            filled: now,
        }))
    }

    /// `what` is a name or an address without spaces, as [`guest_api::host_names::harmless`] makes it.
    pub fn refused(&self, by: RefusalKind, what: &str, port: u16) {
        let Ok(mut seen) = self.0.lock() else { return };
        if seen.is_new(by, what, port) {
            // Whoever keeps the log may be gone; the refusal holds all the same.
            let _ = writeln!(io::stdout(), "refused {by} {what} {port}");
        }
    }
}

impl SeenRefusals {
    fn is_new(&mut self, by: RefusalKind, what: &str, port: u16) -> bool {
        let now = Instant::now();
        let key = (by, what.to_owned(), port);
        if self.last.get(&key).is_some_and(|last| now - *last < AGAIN) {
            return false;
        }
        let more = (now - self.filled).as_millis() / REFILL.as_millis();
        if more > 0 {
            self.room = self
                .room
                .saturating_add(u32::try_from(more).unwrap_or(BURST))
                .min(BURST);
            self.filled = now;
        }
        if self.last.len() >= MOST {
            self.last.retain(|_, last| now - *last < AGAIN);
        }
        if self.room == 0 || self.last.len() >= MOST {
            return false;
        }
        self.room -= 1;
        self.last.insert(key, now);
        true
    }
}
